"""A study on a real Ray cluster whose nodes are processes of this machine: what is checked before
the first trial, and what a lost node costs. Hosts of their own are ``test_hosts``' part."""

import collections
import dataclasses
import functools
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import ray
import yaml
from PIL import Image
from ray.cluster_utils import Cluster
from rich.console import Console
from support import PYTHONPATH, ROOT
from support.killed_studies import check_tables
from support.toy_problem import PLAN, TOY, slow_toy
from support.waiting import wait_until

from study.cluster import nodes
from study.cluster.nodes import PRETENDED
from study.commands.search import main
from study.engine.runner import run_study
from study.results.folder import ResultsFolder
from study.results.remote import RemotePath, StorageCopy
from study.results.usage import hours_of_study

GPUS = {"num_cpus": 4, "num_gpus": 1, "labels": PRETENDED}
"""What a node of the study says that it has."""


@pytest.fixture(scope="module")
def head():
    """A cluster without workers; its head runs no trials."""
    ray.shutdown()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # between two of the five questions to a silent node, after which it is lost
        patch.setenv("RAY_health_check_period_ms", "1000")
        args = {"num_cpus": 0, "node_name": "head", "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=args)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def cluster(head):
    """Its nodes go with the test, and so does this process's connection."""
    yield head
    ray.shutdown()
    for node in list(head.worker_nodes):
        head.remove_node(node)


def test_a_node_lost_in_the_middle(cluster, tmp_path, monkeypatch):
    """The cluster has no worker at first; of two, with room for two trials on each GPU, one is
    killed without a word, and another comes. Each trial ends once, and none repeats more than a
    round a restart."""
    trials, log = 6, tmp_path / "rounds"
    monkeypatch.setenv("TOY_LOG", str(log))
    changes = {"scheduler": "none", "gpus_per_trial": 0.5, "slots": 4}
    plan = dataclasses.replace(PLAN, num_samples=trials, **changes)
    place = RemotePath.local(tmp_path / "shared")
    folder = ResultsFolder.create(tmp_path, "toy", TOY, {})
    nodes.join(cluster.address)

    def has_work(node: str) -> bool:
        """Whether a trial that runs there has a checkpoint and half of its rounds to go."""
        last = {row["trial_id"]: row for row in folder.read_history()}
        return any(row["node"] == node and row["round"] <= 2 for row in last.values())

    def study() -> str:
        with StorageCopy(place, print) as copy, (tmp_path / "log").open("w") as said:
            copy.follow(folder.path)
            return run_study(
                TOY,
                slow_toy,
                plan,
                folder,
                expected_s=(),
                console=Console(file=said),
                storage=copy,
                cluster=True,
            )

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(study)
        one = cluster.add_node(node_name="one", **GPUS)
        cluster.add_node(node_name="two", **GPUS)
        wait_until(lambda: has_work("one") or running.done())
        cluster.remove_node(one, allow_graceful=False)
        cluster.add_node(node_name="three", **GPUS)
        status = running.result()
    folder.close()
    assert status == "finished"
    table = check_tables(folder.path, trials)
    assert 1 <= table.restarts.sum() <= 2  # of the trials on that node
    causes = set(table.restart_reason.dropna().str.partition(":")[0])
    assert causes <= {"ActorDiedError", "ActorUnavailableError"}
    assert set(table.node) >= {"two"}
    assert set(table.gpus.astype(int)) == {0}
    worked = collections.Counter(log.read_text().splitlines())
    assert sum(worked.values()) - table["round"].sum() <= table.restarts.sum()
    history = pd.read_csv(folder.path / "history.csv")
    assert {"one", "two"} <= set(history.node)


def test_a_call_runs_where_a_trial_would(cluster):
    nodes.join(cluster.address)
    node = cluster.add_node(node_name="one", **GPUS)

    def where(device):
        return device, ray.get_runtime_context().get_node_id()

    found = nodes.call(where, "cuda", cpus=1, gpus=0.5)
    assert found == ("cpu", node.node_id)  # its GPU is pretended


@pytest.fixture
def images(tmp_path):
    """A data set: a folder of images."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(60):
            pixels = rng.integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{i}.png")
    return tmp_path / "images"


def with_other_python(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import platform\nplatform.python_version = lambda: '3.0.1'\n"
    )
    return {"PYTHONPATH": f"{tmp_path}:{PYTHONPATH}"}


def with_other_code(tmp_path):
    for package in ("dipddpm", "study"):
        shutil.copytree(ROOT / package, tmp_path / package)
    with (tmp_path / "study" / "engine" / "asha.py").open("a") as file:
        file.write("# changed on this node only\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.machinery, sys\n"
        "class Copy:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name in ('dipddpm', 'study'):\n"
        f"            return importlib.machinery.PathFinder.find_spec(name, ['{tmp_path}'])\n"
        "sys.meta_path.insert(0, Copy)\n"
    )
    return {"PYTHONPATH": f"{tmp_path}:{PYTHONPATH}"}


def without_images(tmp_path):
    """Nothing can be listed below the folder of images."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "def refuse(event, arguments):\n"
        f"    if event in ('os.scandir', 'os.listdir') and '{tmp_path}/images' in str(arguments):\n"
        "        raise FileNotFoundError(2, 'No such file or directory')\n"
        "sys.addaudithook(refuse)\n"
    )
    return {"PYTHONPATH": f"{tmp_path}:{PYTHONPATH}"}


def without_storage(tmp_path):
    """Its way there is cut."""
    (tmp_path / "sitecustomize.py").write_text(
        "from study.results.remote import RemotePath\n"
        "def cut(place, name):\n"
        "    raise OSError('no route to host')\n"
        "RemotePath.read = cut\n"
    )
    return {"PYTHONPATH": f"{tmp_path}:{PYTHONPATH}"}


def refusal(cluster, tmp_path, capsys, *flags):
    """What the real command says, and that it has started nothing."""
    results = tmp_path / "results"
    shared = ("--storage-path", str(tmp_path / "shared"), "--name", "refused")
    flags += ("--ray-address", cluster.address, "--results-dir", str(results))
    with pytest.raises(SystemExit) as caught:
        main([*flags, *shared])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not results.exists()
    assert not (tmp_path / "shared" / "refused").exists()
    return error.strip().removeprefix("study/run.py: ")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (with_other_python, "node odd has python 3.0.1, the driver 3."),
        (with_other_code, "node odd has this project's code "),
        (without_images, "node odd cannot reach the data: DataError: "),
        (without_storage, "node odd cannot reach the storage: OSError: no route to host"),
    ],
)
def test_a_node_that_differs(cluster, tmp_path, images, capsys, node, expected):
    cluster.add_node(node_name="odd", env_vars=node(tmp_path), **GPUS)
    error = refusal(cluster, tmp_path, capsys, "--dataset", str(images))
    assert error.startswith(expected)


def test_gpus_that_torch_does_not_see(cluster, tmp_path, capsys):
    """A driver that is broken, say: trials are not to run on the processor in silence."""
    cluster.add_node(node_name="odd", num_cpus=4, num_gpus=64)
    error = refusal(cluster, tmp_path, capsys, "--gpus-per-trial", "0.5")
    assert error.startswith("node odd offers 64 GPUs, of which torch sees ")


def test_more_gpus_than_any_node_has(cluster, tmp_path, capsys):
    cluster.add_node(node_name="one", **GPUS)
    error = refusal(cluster, tmp_path, capsys, "--gpus-per-trial", "2")
    assert error == "--gpus-per-trial is 2.0; expected at most 1, the GPUs of node one"


def test_the_first_trials_tell_what_the_study_will_cost(cluster, tmp_path, capsys):
    cluster.add_node(node_name="one", **GPUS)
    small = "--dataset digits --max-epochs 2 --train-size 200 --dip-steps 2 --scored-images 100"
    place = f"--results-dir {tmp_path} --storage-path {tmp_path / 'shared'}"
    study = f"{place} --ray-address {cluster.address} --gpus-per-trial 1 --price-per-hour 1000"

    new = f"--name priced --num-samples 2 --confirm-top 0 --scheduler none {small} {study}"
    assert main(new.split()) == 0
    output = capsys.readouterr().out
    told = re.search(
        r"how long and at what cost: said when 1 trial had an evaluation; results in .*\n"
        r"about \d+:\d\d; results in .*\n"
        r"to be used: about (\S+) GPU hours \(price (\S+)\), at most (\S+) GPU hours",
        output,
    )
    info = json.loads((tmp_path / "priced" / "study.json").read_text())
    cost, (trial_s,) = info["cost"], info["expected_s"]
    rounded = functools.partial(pytest.approx, rel=0.05)  # to two digits or more
    assert cost["expected"] == rounded(2 * trial_s / 3600)
    expected, price, most = map(float, told.groups())
    assert (expected, price) == rounded((cost["expected"], 1000 * cost["expected"]))
    assert most == rounded(cost["most"])
    assert 0 < cost["used"] == pytest.approx(hours_of_study(tmp_path / "priced"), abs=1e-6)

    ray.shutdown()  # as when its process ends
    more = f"--resume priced --num-samples 3 {study}"
    assert main(more.split()) == 0
    output = capsys.readouterr().out
    assert output.index("to be used: about") < output.index("3/3 ended")  # by those of before
    assert "said when" not in output


def test_a_node_that_has_just_been_lost_is_no_reason_to_refuse(cluster):
    """The cluster takes a while to miss it."""
    lost = cluster.add_node(node_name="lost", **GPUS)
    nodes.join(cluster.address)
    cluster.remove_node(lost, allow_graceful=False)
    nodes.check_nodes(None, str, "", on_gpus=False)


@pytest.fixture
def node_types(tmp_path, monkeypatch):
    """The cluster is to grow, as the file says that `ray up` leaves on the head."""
    types = {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 6},
        "gpu-4": {"resources": {"CPU": 48, "GPU": 4}, "max_workers": 2},
    }
    config = {"head_node_type": "head", "max_workers": 6, "available_node_types": types}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(nodes, "AUTOSCALING_FILE", tmp_path / "config.yaml")


def test_without_workers_the_node_types_count(cluster, node_types):
    nodes.join(cluster.address)
    capacity = nodes.capacity(print)
    assert capacity.gpus == 4
    assert capacity.slots(1, 0.5, None) == 2 * 8 + 4 * 2  # six workers, the largest first
    assert capacity.slots(1, 4, None) == 2


def test_more_gpus_than_any_node_type_has(cluster, node_types, tmp_path, capsys):
    error = refusal(cluster, tmp_path, capsys, "--gpus-per-trial", "8")
    assert error == "--gpus-per-trial is 8.0; expected at most 4, the GPUs of gpu-4"
