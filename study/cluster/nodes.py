"""A running Ray cluster: its capacity, and whether its nodes can do the work.

The capacity is that of its node types at the autoscaler's maxima, not of the nodes that happen to
be up. The nodes that are up are tried before the first trial.
"""

import hashlib
import logging
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import ray
import torch
import yaml
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.cluster.address import check_address
from study.cluster.capacity import Capacity, NodeType
from study.results import provenance
from study.results.remote import FAILURES, RemotePath, first_line
from study.spec.errors import SettingError
from study.spec.interrupts import undisturbed

AUTOSCALING_FILE = Path("~/ray_bootstrap_config.yaml")
"""Where ``ray up`` leaves the cluster's configuration, on its head; on Kubernetes the manifest puts
its node types there."""

HEAD = "node:__internal_head__"
"""The resource that Ray gives to the head alone."""

JOIN_S = 120.0
"""Seconds to wait for machines that ``ray up`` has started, and for a node's answer."""


PRETENDED = {"gpus": "pretended"}
"""The label of a node that only claims to have GPUs, to try a cluster without any:
``ray start --num-gpus=2 --labels=gpus=pretended``. Trials on it use its processor."""

DRIVER = "driver"
"""The name of the file that the driver writes for the nodes to read."""


Result = TypeVar("Result")


class NodeError(Exception):
    """A node cannot do its part; the message is one line that says which and why."""


def join(address: str) -> None:
    """Connect this process to a cluster, which outlives it.

    Raises:
        SettingError: there is no such cluster, or it cannot be joined.
    """
    check_address(address)
    try:
        with undisturbed():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        expected = f"a running cluster of this Ray version: {first_line(error)}"
        raise SettingError("ray_address", address, expected) from None


def capacity(warn: Callable[[str], None]) -> Capacity:
    """Return what the joined cluster can hold once it has grown.

    Args:
        warn: called with one line where machines have to be waited for.
    """
    config = _autoscaling()
    if config is None:
        return _capacity_now()
    head, most = config["head_node_type"], int(config["max_workers"])
    workers = {n: t for n, t in config["available_node_types"].items() if n != head or most == 0}
    if not workers or not all(node_type.get("resources") for node_type in workers.values()):
        return _capacity_of_machines(most, warn)
    node_types = [
        NodeType(name, *_cpus_and_gpus(t["resources"]), int(t.get("max_workers", most)))
        for name, t in workers.items()
    ]
    (head_now,) = (node for node in _alive() if HEAD in node["Resources"])
    head_type = NodeType("the head", *_cpus_and_gpus(head_now["Resources"]), is_head=True)
    return Capacity((*node_types, head_type), most_nodes=most)


def _capacity_now() -> Capacity:
    node_types = tuple(
        NodeType(f"node {node['NodeName']}", *_cpus_and_gpus(node["Resources"]))
        for node in _alive()
    )
    return Capacity(node_types, most_nodes=len(node_types))


def _capacity_of_machines(most: int, warn: Callable[[str], None]) -> Capacity:
    """Return the capacity of a cluster of one's own machines, after waiting for all of them.

    Its configuration does not say what they have, so each has to join first.
    """
    deadline, told = time.monotonic() + JOIN_S, False
    while len(_alive()) < most + 1 and time.monotonic() < deadline:
        if not told:
            warn(f"waiting for machines of the cluster: {len(_alive()) - 1} of {most} have joined")
        told = True
        time.sleep(1)
    return _capacity_now()


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _cpus_and_gpus(resources: Mapping[str, float]) -> tuple[float, float]:
    return float(resources.get("CPU", 0)), float(resources.get("GPU", 0))


def _autoscaling() -> dict[str, Any] | None:
    """Return the configuration that ``ray up`` left on the head; None if this is not the head."""
    file, here = AUTOSCALING_FILE.expanduser(), ray.get_runtime_context().get_node_id()
    on_head = any(n["NodeID"] == here and HEAD in n["Resources"] for n in _alive())
    return yaml.safe_load(file.read_text()) if on_head and file.exists() else None


def versions() -> dict[str, str]:
    """Return what must be the same on all nodes; the code as a hash of its sources."""
    digest = hashlib.sha256()
    for package in ("dipddpm", "study"):
        for file in sorted((provenance.CODE / package).rglob("*.py")):
            digest.update(file.relative_to(provenance.CODE).as_posix().encode() + file.read_bytes())
    return {
        "python": platform.python_version(),
        "ray": version("ray"),
        "torch": torch.__version__.partition("+")[0],  # a head may have the build without CUDA
        "this project's code": digest.hexdigest()[:12],
    }


def check_nodes(
    storage: RemotePath | None, read_data: Callable[[], str], data_hash: str, on_gpus: bool
) -> None:
    """Check the versions, the storage, the data and the GPUs of each node that is up.

    Args:
        storage: the folder of all studies, if it must be seen by every node.
        read_data: reads the data set on a node; returns the hash of its images.
        data_hash: the hash of the images as this process reads them.
        on_gpus: whether trials use GPUs.

    Raises:
        NodeError: a node cannot do its part.
    """
    trial = storage / f".try-{uuid.uuid4().hex}" if storage else None
    probe = ray.remote(num_cpus=0, max_retries=0)(_probe)
    try:
        if trial:
            trial.write(DRIVER, b"")
        answers = [
            (node, probe.options(scheduling_strategy=_on(node)).remote(trial, read_data))
            for node in _alive()
        ]
        for node, answer in answers:
            name = node["NodeName"]
            try:
                found = ray.get(answer, timeout=JOIN_S)
                _check(found, versions(), data_hash)
                if on_gpus and not _pretends(node["Labels"]):
                    _check_gpus(node["Resources"].get("GPU", 0), found["gpus"])
                if trial:
                    trial.read(node["NodeID"])
            except ray.exceptions.GetTimeoutError:
                raise NodeError(f"node {name} did not answer within {JOIN_S:.0f} s") from None
            except ray.exceptions.RayError as error:
                if node["NodeID"] not in {other["NodeID"] for other in _alive()}:
                    continue  # it was lost meanwhile, or just before and not yet missed
                reason = str(error).strip().splitlines()[-1]
                raise NodeError(f"node {name} cannot run this project: {reason}") from None
            except NodeError as error:
                raise NodeError(f"node {name} {error}") from None
    finally:
        if trial:
            trial.remove()


def _on(node: Mapping[str, Any]) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)


def _check(found: Mapping[str, Any], here: Mapping[str, str], data_hash: str) -> None:
    for what, there in found["versions"].items():
        if there != here[what]:
            raise NodeError(f"has {what} {there}, the driver {here[what]}; they must be the same")
    for what in ("storage", "data"):
        if error := found.get(f"{what}_error"):
            raise NodeError(f"cannot reach the {what}: {error}")
    if found["data_hash"] != data_hash:
        raise NodeError(f"has other images: their hash is {found['data_hash']}, not {data_hash}")


def _check_gpus(offered: float, seen: int) -> None:
    if seen < offered:
        drivers = "is their driver there, and torch a build with CUDA?"
        raise NodeError(f"offers {offered:g} GPUs, of which torch sees {seen}: {drivers}")


def _pretends(labels: Mapping[str, Any]) -> bool:
    return PRETENDED.items() <= labels.items()


def device_here(device: str) -> str:
    """Return the device of a trial that asks for ``device``, on the node that calls this."""
    return "cpu" if _pretends(ray.get_runtime_context().get_node_labels()) else device


def call(function: Callable[[str], Result], device: str, cpus: float, gpus: float) -> Result:
    """Call a function with the device of a node that has room for a trial, on that node."""
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus)(lambda: function(device_here(device)))
    return ray.get(remote.remote())


def _probe(trial: RemotePath | None, read_data: Callable[[], str]) -> Mapping[str, Any]:
    """Return what the node that runs this has and can do."""
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found: dict[str, Any] = {"versions": versions(), "gpus": seen}
    try:
        if trial:
            trial.read(DRIVER)
            trial.write(ray.get_runtime_context().get_node_id(), b"")
    except FAILURES as error:
        found["storage_error"] = first_line(error)
    try:
        found["data_hash"] = read_data()
    except Exception as error:  # any error is reported by the driver, in one line
        found["data_error"] = first_line(error)
    return found
