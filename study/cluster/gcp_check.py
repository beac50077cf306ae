"""Find the mistakes in what a cluster file says of Google Cloud."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

Config = Mapping[str, Any]

NUMBERED = re.compile(r"a\d\w*-\w+-(\d+)g")
"""Machine types whose name says how many GPUs they have."""

GPUS = {
    **{f"g2-standard-{cores}": 1 for cores in (4, 8, 12, 16, 32)},
    **{"g2-standard-24": 2, "g2-standard-48": 4, "g2-standard-96": 8},
    **{"g4-standard-48": 1, "g4-standard-96": 2, "g4-standard-192": 4, "g4-standard-384": 8},
}
"""The GPUs of other machine types that have some of their own."""


def mistakes(config: Config) -> Iterator[str]:
    """Yield one line for each mistake in what a configuration says of Google Cloud."""
    provider = config["provider"]
    if not provider.get("project_id"):
        yield "provider.project_id is missing; expected the project that pays"
    region, zone = (str(provider.get(name, "")) for name in ("region", "availability_zone"))
    if not region:
        yield "provider.region is missing; expected one of Google's, such as us-central1"
    elif not zone.startswith(f"{region}-") or "," in zone:
        yield f"provider.availability_zone is {zone}; expected one zone of {region}: Ray uses one"
    if provider.get("cache_stopped_nodes", False):
        yield "provider.cache_stopped_nodes is true; expected false, or stopped disks go on costing"
    schema = _compute_engine()
    if schema is None:
        unchecked = "what available_node_types ask of Compute Engine was not checked"
        yield f'{unchecked}, and `ray up` needs its client: pip install -e ".[gcp]"'
    for name, node_type in config.get("available_node_types", {}).items():
        field, node = f"available_node_types.{name}", node_type["node_config"]
        if schema and (wrong := list(_against(schema, node, f"{field}.node_config"))):
            yield from wrong
            continue  # the rest relies on it
        if not node.get("machineType"):
            yield f"{field}.node_config.machineType is missing; expected one of Google's"
        if not node.get("sourceInstanceTemplate"):  # which may hold what is missing here
            yield from _of_machine(node, f"{field}.node_config", zone)
        if name != config.get("head_node_type"):
            yield from _of_worker(node_type, field)


def _of_machine(node: Config, field: str, zone: str) -> Iterator[str]:
    """Yield what is missing of a machine, as seen from its ``node_config``."""
    disks = _mappings(node.get("disks"))
    kinds = [_mapping(disk.get("initializeParams")).get("diskType", "") for disk in disks]
    if _gpus(node) and not all(kind and not kind.endswith("/pd-standard") for kind in kinds):
        yield (
            f"{field}.disks: expected initializeParams.diskType, such as "
            f"zones/{zone}/diskTypes/pd-balanced; types with GPUs take no pd-standard, the default"
        )
    for kind in kinds:
        if "zones/" in kind and f"zones/{zone}/" not in kind:
            yield f"{field}.disks: {kind} is of another zone; expected {zone}, as the provider's"
    if not any(disk.get("boot") for disk in disks):
        yield f"{field}.disks has no boot disk; expected one with initializeParams.sourceImage"
    if not all(disk.get("autoDelete") for disk in disks):
        yield f"{field}.disks: expected autoDelete: true, or they cost when their machine is gone"
    if not node.get("networkInterfaces"):
        yield (
            f"{field}.networkInterfaces is missing; Ray would take a network of the project, and "
            "port 22 of the default one is open to the world"
        )
    scheduling = _mapping(node.get("scheduling"))
    is_spot = scheduling.get("provisioningModel") == "SPOT" or scheduling.get("preemptible")
    if is_spot and scheduling.get("instanceTerminationAction") != "DELETE":
        yield (
            f"{field}.scheduling.instanceTerminationAction: expected DELETE, or the disks of spot "
            "machines that were taken back go on costing"
        )
    if _gpus(node) and scheduling.get("onHostMaintenance") != "TERMINATE":
        yield f"{field}.scheduling.onHostMaintenance: expected TERMINATE; GPUs cannot move"


def _of_worker(node_type: Config, field: str) -> Iterator[str]:
    """Yield what a node type lacks on which trials are to run."""
    resources, node = node_type.get("resources") or {}, node_type["node_config"]
    if "CPU" not in resources:
        yield f"{field}.resources.CPU is missing; Ray does not know Google's machine types"
    if (told := resources.get("GPU", 0)) != (gpus := _gpus(node)):
        yield f"{field}.resources.GPU is {told}; expected {gpus}, as many as the machine has"
    if not node.get("serviceAccounts") and not node.get("sourceInstanceTemplate"):
        yield f"{field}.node_config.serviceAccounts is missing; it could not reach the bucket"


def _gpus(node: Config) -> int:
    """Return how many GPUs a machine has, of its type and added ones."""
    counts = [each.get("acceleratorCount", 1) for each in _mappings(node.get("guestAccelerators"))]
    machine = str(node.get("machineType", "")).rpartition("/")[2]
    numbered = NUMBERED.match(machine)
    own = int(numbered[1]) if numbered else GPUS.get(machine, 0)
    return own or sum(count for count in counts if isinstance(count, int))


def _mapping(value: Any) -> Config:
    return value if isinstance(value, Mapping) else {}


def _mappings(values: Any) -> list[Config]:
    return (
        [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []
    )


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
    if (document := get_static_doc("compute", "v1")) is None:
        return None
    schemas = json.loads(document)["schemas"]
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
