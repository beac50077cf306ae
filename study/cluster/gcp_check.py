"""Find the mistakes in what a cluster file says of Google Cloud."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

Config = Mapping[str, Any]

WITH_GPUS = ("a2-", "a3-", "a4-", "g2-", "g4-")
"""How machine types begin that have GPUs of their own."""


def mistakes(config: Config) -> Iterator[str]:
    """Yield one line for each mistake in what a configuration says of Google Cloud."""
    provider = config["provider"]
    if not provider.get("project_id"):
        yield "provider.project_id is missing; expected the project that pays"
    region, zone = provider.get("region", ""), str(provider.get("availability_zone", ""))
    if not zone.startswith(f"{region}-") or "," in zone:
        yield f"provider.availability_zone is {zone}; expected one zone of {region}: Ray uses one"
    if provider.get("cache_stopped_nodes", False):
        yield "provider.cache_stopped_nodes is true; expected false, or stopped disks go on costing"
    schema = _compute_engine()
    if schema is None:
        unchecked = "what available_node_types ask of Compute Engine was not checked"
        yield f'{unchecked}, and `ray up` needs its client: pip install -e ".[gcp]"'
    for name, node_type in config.get("available_node_types", {}).items():
        field, node = f"available_node_types.{name}", node_type["node_config"]
        yield from _of_machine(node, f"{field}.node_config")
        if schema:
            yield from _against(schema, node, f"{field}.node_config")
        if name != config.get("head_node_type"):
            yield from _of_worker(node_type, field)


def _of_machine(node: Config, field: str) -> Iterator[str]:
    """Yield what is missing of a machine, as seen from its ``node_config``."""
    disks = [disk for disk in node.get("disks") or [] if isinstance(disk, Mapping)]
    if not any(disk.get("boot") for disk in disks):
        yield f"{field}.disks has no boot disk; expected one with initializeParams.sourceImage"
    if not all(disk.get("autoDelete") for disk in disks):
        yield f"{field}.disks: expected autoDelete: true, or they cost when their machine is gone"
    if not node.get("networkInterfaces"):
        yield (
            f"{field}.networkInterfaces is missing; Ray would take a network of the project, and "
            "port 22 of the default one is open to the world"
        )
    scheduling = node.get("scheduling")
    scheduling = scheduling if isinstance(scheduling, Mapping) else {}
    is_spot = scheduling.get("provisioningModel") == "SPOT" or scheduling.get("preemptible")
    if is_spot and scheduling.get("instanceTerminationAction") != "DELETE":
        yield (
            f"{field}.scheduling.instanceTerminationAction: expected DELETE, or the disks of spot "
            "machines that were taken back go on costing"
        )
    if _gpus_asked(node) and scheduling.get("onHostMaintenance") != "TERMINATE":
        yield f"{field}.scheduling.onHostMaintenance: expected TERMINATE; GPUs cannot move"


def _of_worker(node_type: Config, field: str) -> Iterator[str]:
    """Yield what a node type lacks on which trials are to run."""
    resources, node = node_type.get("resources") or {}, node_type["node_config"]
    asked = _gpus_asked(node)
    if "CPU" not in resources:
        yield f"{field}.resources.CPU is missing; Ray does not know Google's machine types"
    if asked and not resources.get("GPU"):
        yield f"{field}.resources.GPU is missing; expected the number of GPUs of the machine"
    elif asked > 1 and resources.get("GPU") != asked:
        yield f"{field}.resources.GPU is {resources['GPU']}; expected {asked}, as in node_config"
    if not node.get("serviceAccounts"):
        yield f"{field}.node_config.serviceAccounts is missing; it could not reach the bucket"


def _gpus_asked(node: Config) -> int:
    """Return how many GPUs a machine has; 1 where its type has some and does not say how many."""
    added = [each for each in node.get("guestAccelerators") or [] if isinstance(each, Mapping)]
    counts = [each.get("acceleratorCount", 1) for each in added]
    count = sum(each for each in counts if isinstance(each, int))  # the schema names all else
    machine = str(node.get("machineType", "")).rpartition("/")[2]
    return count or int(machine.startswith(WITH_GPUS))


def _against(schema: Config, node: Config, field: str) -> Iterator[str]:
    """Yield what Compute Engine would not understand, by Google's description of it."""
    for error in jsonschema.Draft7Validator(schema).iter_errors(node):
        yield f"{field}{error.json_path.removeprefix('$')}: {error.message}"


def _compute_engine() -> Config | None:
    """Return what an instance can be asked for, as a JSON schema; None without Google's client."""
    try:
        from googleapiclient.discovery_cache import get_static_doc
    except ImportError:
        return None
    schemas = json.loads(get_static_doc("compute", "v1"))["schemas"]
    instance = _as_json_schema(schemas["Instance"])
    instance["properties"]["sourceInstanceTemplate"] = {"type": "string"}  # which Ray takes out
    return {**instance, "schemas": {name: _as_json_schema(s) for name, s in schemas.items()}}


def _as_json_schema(described: Any) -> Any:
    """Return a part of Google's description, a dialect of an early draft, as JSON schema."""
    if not isinstance(described, Mapping):
        return described
    if "$ref" in described:
        return {"$ref": f"#/schemas/{described['$ref']}"}
    found: dict[str, Any] = {}
    if "type" in described and described["type"] != "any":
        # 64-bit numbers travel as text, and clients take both
        wide = described.get("format") in ("int64", "uint64")
        found["type"] = ["string", "integer"] if wide else described["type"]
    if "enum" in described:
        found["enum"] = described["enum"]
    if "items" in described:
        found["items"] = _as_json_schema(described["items"])
    if "properties" in described:
        fields = described["properties"].items()
        found["properties"] = {name: _as_json_schema(field) for name, field in fields}
        found["additionalProperties"] = False
    elif "additionalProperties" in described:
        found["additionalProperties"] = _as_json_schema(described["additionalProperties"])
    return found
