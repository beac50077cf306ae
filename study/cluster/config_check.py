"""Find the mistakes in a cluster file before they cost money.

No network and no account is needed. Ray's own schema and a provider's own description of what it
can be asked for check what they cover; the other checks are of mistakes that neither finds and that
cost money or a night. Each mistake is one line that names the field.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import ray.autoscaler

from study.cluster import aws_check, gcp_check

PLACEHOLDER = "CHANGE-ME"

SCHEMA = Path(ray.autoscaler.__file__).with_name("ray-schema.json")

NOT_IN_SCHEMA = {"aws_credentials", "key_pair", "external_head_ip", "coordinator_address"}
"""Keys of the provider that Ray knows, but that its schema does not list."""

Config = Mapping[str, Any]


def mistakes(config: Any) -> Iterator[str]:
    """Yield one line for each mistake in a cluster's configuration."""
    if wrong := list(_against_schema(config)):
        yield from wrong
        return  # the rest relies on it
    # those under metadata first: YAML's aliases repeat them below
    yield from list(_placeholders(config.get("metadata"), "metadata")) or _placeholders(config, "")
    yield from _on_this_machine(config)
    yield from _ray_version(config)
    provider = config["provider"]
    if provider["type"] == "aws":
        yield from _node_types(config)
        yield from aws_check.mistakes(config)
    elif provider["type"] == "gcp":
        yield from _node_types(config)
        yield from gcp_check.mistakes(config)
    elif provider["type"] == "local":
        yield from _own_machines(config)
    else:
        yield f"provider.type is {provider['type']}; expected aws, gcp or local"


def _against_schema(config: Any) -> Iterator[str]:
    schema = json.loads(SCHEMA.read_text())
    for error in jsonschema.Draft7Validator(schema).iter_errors(config):
        yield f"{error.json_path.removeprefix('$.').replace('$', 'the file')}: {error.message}"
    if isinstance(config, Mapping) and isinstance(config.get("provider"), Mapping):
        known = {*schema["properties"]["provider"]["properties"], *NOT_IN_SCHEMA}
        for key in config["provider"].keys() - known:
            yield f"provider.{key} is not a field that Ray knows"


def _placeholders(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _placeholders(inner, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _placeholders(inner, f"{path}[{i}]")
    elif isinstance(value, str) and PLACEHOLDER in value:
        yield f"{path} is still {value}; the comment above it says what belongs there"


def _on_this_machine(config: Config) -> Iterator[str]:
    """Yield what `ray up` needs on this machine and does not find."""
    for remote, local in config.get("file_mounts", {}).items():
        if not Path(str(local)).expanduser().exists():
            how = "; `ray get-auth-token --generate` makes it" if "auth_token" in local else ""
            yield f"file_mounts.{remote}: there is no {local} here{how}"
    key = config.get("auth", {}).get("ssh_private_key")
    if key and not Path(key).expanduser().exists():
        yield f"auth.ssh_private_key: there is no {key} here"
    for program in ("ssh", "rsync"):
        if not shutil.which(program):
            yield f"file_mounts: {program}, which `ray up` copies files with, is not installed here"


def _ray_version(config: Config) -> Iterator[str]:
    here = version("ray")
    lists = ("setup_commands", "head_setup_commands", "worker_setup_commands")
    commands = [command for name in lists for command in config.get(name, [])]
    pinned = re.findall(r"\bray(?:\[[\w,]*\])?==([\w.]+)", " ".join(commands))
    if not pinned:
        yield f"setup_commands install no ray==VERSION; expected ray=={here}, as on this machine"
    for there in dict.fromkeys(pinned):
        if there != here:
            yield f"setup_commands install ray=={there}; expected {here}, as on this machine"


def _node_types(config: Config) -> Iterator[str]:
    types = config.get("available_node_types", {})
    head = config.get("head_node_type")
    if head not in types:
        yield f"head_node_type is {head}; expected one of {', '.join(types) or 'node types'}"
    most, least = config.get("max_workers"), 0
    if most is None:
        yield "max_workers is missing; expected the largest number of nodes to pay for"
    for name, node_type in types.items():
        field, low = f"available_node_types.{name}", node_type.get("min_workers", 0)
        high = node_type.get("max_workers", 0 if name == head else most)
        least += low
        if low < 0:
            yield f"{field}.min_workers is {low}; expected 0 or more"
        if high is not None and high < max(low, 0):
            yield f"{field}.max_workers is {high}; expected at least min_workers, {low}"
        if most is not None and high is not None and high > most:
            yield f"{field}.max_workers is {high}; expected at most max_workers in all, {most}"
    if most is not None and least > most:
        yield f"max_workers is {most}; expected at least {least}, the sum of min_workers"
    if not any(name != head and t.get("max_workers", 1) > 0 for name, t in types.items()):
        yield "available_node_types has no type with workers; nothing would run the trials"


def _own_machines(config: Config) -> Iterator[str]:
    provider = config["provider"]
    head, workers = provider.get("head_ip"), provider.get("worker_ips", [])
    if not head:
        yield "provider.head_ip is missing; expected the address of the machine that searches"
    if not workers:
        yield "provider.worker_ips is empty; nothing would run the trials"
    if not any(PLACEHOLDER in str(address) for address in (head, *workers)):
        if len({*workers, head}) <= len(workers):
            yield "provider.worker_ips: each machine once, and not the head's"
        for name in ("min_workers", "max_workers"):
            if config.get(name, len(workers)) > len(workers):
                yield f"{name} is {config[name]}; expected at most {len(workers)}, the worker_ips"
    if not config.get("auth", {}).get("ssh_user"):
        yield "auth.ssh_user is missing; expected a user that all machines know"
