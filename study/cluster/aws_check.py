"""Find the mistakes in what a cluster file says of AWS."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

RAY_REMOVES = {"SubnetIds"}
"""Keys of a node_config that Ray removes before it asks EC2."""

Config = Mapping[str, Any]


def mistakes(config: Config) -> Iterator[str]:
    """Yield one line for each mistake in what a configuration says of AWS."""
    provider = config["provider"]
    if provider.get("cache_stopped_nodes", True):
        yield "provider.cache_stopped_nodes is true; expected false, or stopped disks go on costing"
    for zone in str(provider.get("availability_zone", "")).split(","):
        if zone and not zone.strip().startswith(provider.get("region", "")):
            yield (
                f"provider.availability_zone has {zone.strip()}; expected zones of "
                f"{provider['region']}, provider.region"
            )
    for name, node_type in config.get("available_node_types", {}).items():
        field, node = f"available_node_types.{name}.node_config", node_type["node_config"]
        if not node.get("ImageId"):
            yield f"{field}.ImageId is missing; Ray's default image is out of support"
        if not node.get("IamInstanceProfile"):
            yield f"{field}.IamInstanceProfile is missing; it could not reach the bucket"
        if not node.get("SecurityGroupIds"):
            yield (
                f"{field}.SecurityGroupIds is missing; Ray would open ssh to the world, "
                "whatever provider.security_group says"
            )
    yield from _against_ec2(config)


def _against_ec2(config: Config) -> Iterator[str]:
    """Yield what EC2 would not understand, by botocore's description of it."""
    try:
        import botocore.session
        from botocore.validate import ParamValidator
    except ImportError:
        unchecked = "what available_node_types ask of EC2 was not checked"
        yield f'{unchecked}, and `ray up` needs boto3: pip install -e ".[aws]"'
        return
    session, region = botocore.session.get_session(), config["provider"].get("region")
    regions = session.get_available_regions("ec2")
    if region not in regions:
        yield f"provider.region is {region}; expected one of {', '.join(regions)}"
    ec2 = session.get_service_model("ec2")
    request = ec2.operation_model("RunInstances").input_shape
    for name, node_type in config.get("available_node_types", {}).items():
        field, node = f"available_node_types.{name}.node_config", node_type["node_config"]
        asked = {key: value for key, value in node.items() if key not in RAY_REMOVES}
        report = ParamValidator().validate({"MinCount": 1, "MaxCount": 1, **asked}, request)
        for line in report.generate_report().splitlines():
            yield f"{field}: {line}"
        kind = node.get("InstanceType")
        if kind not in ec2.shape_for("InstanceType").enum:
            known = f"a type that botocore {version('botocore')} knows"
            yield f"{field}.InstanceType is {kind}; expected {known}"
