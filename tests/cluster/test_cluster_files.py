"""cluster.yaml against a simulated AWS; the Kubernetes manifest as KubeRay's autoscaler reads it.

Wrong images, quotas, drivers and the market for spot are beyond any simulation.
"""

import copy
import re
import tempfile
from types import SimpleNamespace

import boto3
import pytest
import yaml
from moto import mock_aws
from ray.autoscaler._private.autoscaler import StandardAutoscaler
from ray.autoscaler._private.commands import _bootstrap_config
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler._private.load_metrics import LoadMetrics
from ray.autoscaler._private.providers import _get_node_provider
from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE
from support import ROOT
from support.cluster_files import filled

from study.cluster.nodes import AUTOSCALING_FILE

SSH_FROM = "203.0.113.7/32"  # an address for documentation


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """An account made by deploy/cluster-account.yaml, and the head of cluster.yaml in it: its
    configuration and Ray's way to its nodes."""
    place = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("HOME", place)  # Ray writes a key to ~/.ssh
        patch.setattr(tempfile, "tempdir", place)  # and a copy of the configuration
        formation = boto3.client("cloudformation", "us-west-2")
        formation.create_stack(
            StackName="dip-ddpm",
            TemplateBody=(ROOT / "deploy/cluster-account.yaml").read_text(),
            Parameters=[
                {"ParameterKey": "Bucket", "ParameterValue": "studies-of-mine"},
                {"ParameterKey": "SshFrom", "ParameterValue": SSH_FROM},
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        outputs = formation.describe_stacks(StackName="dip-ddpm")["Stacks"][0]["Outputs"]
        config = filled("cluster.yaml")
        for node_type in config["available_node_types"].values():
            node_type["node_config"]["SecurityGroupIds"] = [outputs[0]["OutputValue"]]
        config, provider = bring_up(config)
        yield config, provider
        provider.terminate_nodes(provider.non_terminated_nodes({}))
        assert not instances()


@pytest.fixture
def aws(cloud):
    """The same for one test, whose workers end with it."""
    config, provider = cloud
    yield copy.deepcopy(config), provider
    if workers := provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "worker"}):
        provider.terminate_nodes(workers)


def bring_up(config):
    """As `ray up` does it, up to the point where it would ssh to the head."""
    config = _bootstrap_config(config, no_config_cache=True)
    provider = _get_node_provider(config["provider"], config["cluster_name"])
    head = config["available_node_types"]["head"]["node_config"]
    tags = {TAG_RAY_NODE_KIND: "head", TAG_RAY_USER_NODE_TYPE: "head"}
    provider.create_node(head, tags, 1)
    return config, provider


def instances(kind=None):
    """What runs, or what runs of a type of AWS's."""
    found = boto3.resource("ec2", "us-west-2").instances.all()
    running = [i for i in found if i.state["Name"] == "running"]
    return [i for i in running if kind in (None, i.instance_type)]


def test_the_head_starts_as_the_file_says(aws):
    config, _ = aws
    (head,) = instances()
    assert head.instance_type == "m5.large"
    assert head.instance_lifecycle is None  # on demand
    assert head.iam_instance_profile["Arn"].endswith("/dip-ddpm-head")
    assert head.key_name.startswith("ray-autoscaler")
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert [types[name]["resources"]["GPU"] for name in ("gpu", "gpu-4")] == [1, 4]
    assert len(types["gpu"]["node_config"]["SubnetIds"]) == 3  # a zone each


def test_ssh_is_open_to_one_address_and_the_rest_to_members(aws):
    (head,) = instances()
    (group,) = head.security_groups
    rules = boto3.resource("ec2", "us-west-2").SecurityGroup(group["GroupId"]).ip_permissions
    ssh, members = sorted(rules, key=lambda rule: rule["IpProtocol"], reverse=True)
    assert (ssh["FromPort"], ssh["ToPort"]) == (22, 22)
    assert [r["CidrIp"] for r in ssh["IpRanges"]] == [SSH_FROM]
    assert not members["IpRanges"]
    assert [pair["GroupId"] for pair in members["UserIdGroupPairs"]] == [group["GroupId"]]


def autoscale(config, provider, demands):
    """The real autoscaler, a few rounds of it, with trials that wait for their resources."""
    config["provider"] |= {"disable_node_updaters": True, "foreground_node_launch": True}
    config["file_mounts"] = {}
    client = SimpleNamespace(drain_nodes=lambda nodes: [])
    load = LoadMetrics()
    autoscaler = StandardAutoscaler(lambda: config, load, client, update_interval_s=0)
    (head,) = provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "head"})
    for _ in range(4):
        address = provider.internal_ip(head)
        load.update(address, b"head", {"memory": 1e9}, {"memory": 1e9}, 0, demands)
        autoscaler.update()
    return autoscaler


def test_six_trials_of_half_a_gpu_get_just_enough_spot_nodes(aws):
    config, provider = aws
    autoscale(config, provider, [{"CPU": 1, "GPU": 0.5}] * 6)
    workers = [i for i in instances() if i.instance_type != "m5.large"]
    gpus = {"g5.xlarge": 1, "g5.12xlarge": 4}
    capacity = [gpus[i.instance_type] for i in workers]
    assert sum(capacity) == 3 or capacity == [4]  # three GPUs, or one node that has them
    assert all(i.instance_lifecycle == "spot" for i in workers)
    assert all(i.iam_instance_profile["Arn"].endswith("/dip-ddpm-worker") for i in workers)
    disks = [v for i in workers for v in i.volumes.all()]
    assert {(disk.size, disk.volume_type) for disk in disks} == {(100, "gp3")}


def test_no_more_nodes_than_max_workers(aws):
    config, provider = aws
    autoscale(config, provider, [{"CPU": 1, "GPU": 1}] * 100)
    assert len(instances()) == 1 + config["max_workers"]
    assert len(instances("g5.12xlarge")) == 2  # that type's own bound


def test_the_kubernetes_manifest_as_the_autoscaler_reads_it():
    manifest = (ROOT / "deploy/cluster-kubernetes.yaml").read_text()
    node_types, job = yaml.safe_load_all(manifest)
    cluster = {"metadata": {"name": "x", "namespace": "y"}, "spec": job["spec"]["rayClusterSpec"]}
    config = _derive_autoscaling_config_from_ray_cr(cluster)
    assert config["idle_timeout_minutes"] == 5
    head, gpu = config["available_node_types"].values()
    assert (head["resources"]["CPU"], head["resources"]["GPU"]) == (0, 0)
    assert head["max_workers"] == 0
    assert (gpu["min_workers"], gpu["max_workers"], gpu["resources"]["GPU"]) == (0, 6, 1)
    # what the driver is told of node types is what the autoscaler knows
    told = yaml.safe_load(node_types["data"][AUTOSCALING_FILE.name])
    assert told["head_node_type"] == config["head_node_type"]
    assert told["max_workers"] == config["max_workers"]
    for name, node_type in config["available_node_types"].items():
        same = told["available_node_types"][name]
        assert same["max_workers"] == node_type["max_workers"]
        assert same["resources"] == {k: node_type["resources"].get(k, 0) for k in ("CPU", "GPU")}


def test_one_version_of_ray_everywhere():
    pins = re.compile(r"(?:==|rayVersion: |rayproject/ray:)([\d.]+)")
    found = {
        pin
        for file in [ROOT / "Containerfile", ROOT / "cluster.yaml", *ROOT.glob("deploy/*.yaml")]
        for pin in pins.findall(file.read_text())
    }
    assert len(found) == 1, found
