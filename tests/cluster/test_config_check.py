"""The check of cluster files: what is wrong with one is said in a line that names the field."""

import sys
from importlib.metadata import version

import pytest
import yaml
from support import ROOT
from support.cluster_files import filled

from study.commands.check_cluster import main


@pytest.fixture(autouse=True)
def laptop(tmp_path, monkeypatch):
    """In the checkout, with a home that has what the files mention."""
    for name in (".ray/auth_token", ".ssh/id_ed25519"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")


def check(tmp_path, capsys, config):
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump(config))
    status = main([str(file)])
    printed = capsys.readouterr()
    assert (status == 2) == bool(printed.err)
    return status, [line.removeprefix(f"{file}: ") for line in printed.err.splitlines()]


GCP = "deploy/cluster-gcp.yaml"


@pytest.mark.parametrize("name", ["cluster.yaml", GCP, "deploy/cluster-local.yaml"])
def test_our_files_filled_in_are_fine(name, tmp_path, capsys):
    assert check(tmp_path, capsys, filled(name)) == (0, [])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cluster.yaml", ["metadata.image", "metadata.security_groups[0]"]),
        (GCP, ["metadata.project", "metadata.image", "metadata.worker_account"]),
        (
            "deploy/cluster-local.yaml",
            [
                *("provider.head_ip", "provider.worker_ips[0]", "provider.worker_ips[1]"),
                "auth.ssh_user",
            ],
        ),
    ],
)
def test_what_a_user_must_change_is_refused_until_it_is(name, fields, capsys):
    assert main([str(ROOT / name)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == fields
    assert all("is still CHANGE-ME" in line for line in lines)


WORKER = "available_node_types.gpu"

MISTAKES = {
    "a misspelt key": (
        ("max_worker",),
        4,
        "the file: Additional properties are not allowed ('max_worker' was unexpected)",
    ),
    "a misspelt key of the provider": (
        ("provider", "cache_stoped_nodes"),
        False,
        "provider.cache_stoped_nodes is not a field that Ray knows",
    ),
    "a misspelt key of an instance": (
        ("available_node_types", "gpu", "node_config", "InstanceTyp"),
        "g5.xlarge",
        f'{WORKER}.node_config: Unknown parameter in input: "InstanceTyp", must be one of: ',
    ),
    "an unknown instance type": (
        ("available_node_types", "gpu", "node_config", "InstanceType"),
        "g5.tiny",
        f"{WORKER}.node_config.InstanceType is g5.tiny; expected a type that botocore ",
    ),
    "fewer workers at most than at least": (
        ("available_node_types", "gpu", "min_workers"),
        7,
        f"{WORKER}.max_workers is 6; expected at least min_workers, 7",
    ),
    "fewer workers in all than at least": (
        ("available_node_types", "gpu", "min_workers"),
        7,
        "max_workers is 6; expected at least 7, the sum of min_workers",
    ),
    "a count that is no number": (
        ("max_workers",),
        "six",
        "max_workers: 'six' is not of type 'integer'",
    ),
    "workers without a profile": (
        ("available_node_types", "gpu", "node_config", "IamInstanceProfile"),
        None,
        f"{WORKER}.node_config.IamInstanceProfile is missing; it could not reach the bucket",
    ),
    "ssh open to the world": (
        ("available_node_types", "head", "node_config", "SecurityGroupIds"),
        None,
        "available_node_types.head.node_config.SecurityGroupIds is missing; Ray would open ssh ",
    ),
    "no image": (
        ("available_node_types", "gpu", "node_config", "ImageId"),
        None,
        f"{WORKER}.node_config.ImageId is missing; Ray's default image is out of support",
    ),
    "disks that stay": (
        ("provider", "cache_stopped_nodes"),
        True,
        "provider.cache_stopped_nodes is true; expected false, or stopped disks go on costing",
    ),
    "zones of another region": (
        ("provider", "region"),
        "eu-west-1",
        "provider.availability_zone has us-west-2a; expected zones of eu-west-1, provider.region",
    ),
    "an unknown region": (
        ("provider", "region"),
        "us-west-22",
        "provider.region is us-west-22; expected one of ",
    ),
    "another version of ray": (
        ("setup_commands",),
        ["pip install ray[default]==2.9.0"],
        f"setup_commands install ray==2.9.0; expected {version('ray')}, as on this machine",
    ),
    "any version of ray": (
        ("setup_commands",),
        ["pip install ray"],
        f"setup_commands install no ray==VERSION; expected ray=={version('ray')}, as on this ",
    ),
    "no token": (
        ("file_mounts", "~/.ray/auth_token"),
        "~/no/auth_token",
        "file_mounts.~/.ray/auth_token: there is no ~/no/auth_token here; `ray get-auth-token ",
    ),
}


def plant(config, path, value):
    """Set a field, or with None remove it."""
    *parents, last = path
    for key in parents:
        config = config[key]
    if value is None:
        del config[last]
    else:
        config[last] = value


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake, tmp_path, capsys):
    path, value, line = MISTAKES[mistake]
    config = filled("cluster.yaml")
    plant(config, path, value)
    status, lines = check(tmp_path, capsys, config)
    assert status == 2
    assert [found for found in lines if found.startswith(line)], lines


def of_gpu(*path):
    return ("available_node_types", "gpu", *path)


GCP_MISTAKES = {
    "a misspelt field of a machine": (
        of_gpu("node_config", "machinetype"),
        "g2-standard-4",
        f"{WORKER}.node_config: Additional properties are not allowed ('machinetype' was ",
    ),
    "a misspelt field of its disk": (
        of_gpu("node_config", "disks", 0, "initializeParams", "sizeGb"),
        100,
        f"{WORKER}.node_config.disks[0].initializeParams: Additional properties are not allowed",
    ),
    "a list for one thing": (
        of_gpu("node_config", "scheduling"),
        [{"preemptible": True}],
        f"{WORKER}.node_config.scheduling: [{{'preemptible': True}}] is not of type 'object'",
    ),
    "a word that is none of its values": (
        of_gpu("node_config", "scheduling", "provisioningModel"),
        "CHEAP",
        f"{WORKER}.node_config.scheduling.provisioningModel: 'CHEAP' is not one of",
    ),
    "spot machines whose disks stay": (
        of_gpu("node_config", "scheduling", "instanceTerminationAction"),
        None,
        f"{WORKER}.node_config.scheduling.instanceTerminationAction: expected DELETE",
    ),
    "GPUs that were to move": (
        of_gpu("node_config", "scheduling", "onHostMaintenance"),
        "MIGRATE",
        f"{WORKER}.node_config.scheduling.onHostMaintenance: expected TERMINATE",
    ),
    "disks that outlive their machine": (
        of_gpu("node_config", "disks", 0, "autoDelete"),
        False,
        f"{WORKER}.node_config.disks: expected autoDelete: true",
    ),
    "no disk to boot from": (
        of_gpu("node_config", "disks"),
        [],
        f"{WORKER}.node_config.disks has no boot disk",
    ),
    "a network that is open to the world": (
        ("available_node_types", "head", "node_config", "networkInterfaces"),
        None,
        "available_node_types.head.node_config.networkInterfaces is missing; Ray would take",
    ),
    "workers without an account": (
        of_gpu("node_config", "serviceAccounts"),
        None,
        f"{WORKER}.node_config.serviceAccounts is missing; it could not reach the bucket",
    ),
    "GPUs that Ray is not told of": (
        of_gpu("resources"),
        {"CPU": 4},
        f"{WORKER}.resources.GPU is 0; expected 1, as many as the machine has",
    ),
    "cores that Ray is not told of": (
        of_gpu("resources"),
        {"GPU": 1},
        f"{WORKER}.resources.CPU is missing; Ray does not know Google's machine types",
    ),
    "GPUs that are paid for and not used": (
        of_gpu("node_config", "machineType"),
        "g2-standard-48",
        f"{WORKER}.resources.GPU is 1; expected 4, as many as the machine has",
    ),
    "of a type that says how many": (
        of_gpu("node_config", "machineType"),
        "a2-highgpu-8g",
        f"{WORKER}.resources.GPU is 1; expected 8, as many as the machine has",
    ),
    "GPUs that the machine has not": (
        of_gpu("node_config", "machineType"),
        "e2-standard-4",
        f"{WORKER}.resources.GPU is 1; expected 0, as many as the machine has",
    ),
    "no type of machine": (
        of_gpu("node_config", "machineType"),
        None,
        f"{WORKER}.node_config.machineType is missing",
    ),
    "a disk that its machine does not take": (
        of_gpu("node_config", "disks", 0, "initializeParams", "diskType"),
        None,
        f"{WORKER}.node_config.disks: expected initializeParams.diskType",
    ),
    "a disk in another zone": (
        of_gpu("node_config", "disks", 0, "initializeParams", "diskType"),
        "zones/us-central1-b/diskTypes/pd-balanced",
        f"{WORKER}.node_config.disks: zones/us-central1-b/diskTypes/pd-balanced is of another",
    ),
    "a number for disks": (
        of_gpu("node_config", "disks"),
        100,
        f"{WORKER}.node_config.disks: 100 is not of type 'array'",
    ),
    "no region": (("provider", "region"), None, "provider.region is missing"),
    "a count that is no number": (
        of_gpu("node_config", "guestAccelerators"),
        [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": "two"}],
        f"{WORKER}.node_config.guestAccelerators[0].acceleratorCount: 'two' is not of type ",
    ),
    "no project": (("provider", "project_id"), None, "provider.project_id is missing"),
    "several zones": (
        ("provider", "availability_zone"),
        "us-central1-a,us-central1-b",
        "provider.availability_zone is us-central1-a,us-central1-b; expected one zone of us-",
    ),
    "a zone of another region": (
        ("provider", "region"),
        "europe-west4",
        "provider.availability_zone is us-central1-a; expected one zone of europe-west4",
    ),
    "disks that stay": (
        ("provider", "cache_stopped_nodes"),
        True,
        "provider.cache_stopped_nodes is true; expected false, or stopped disks go on costing",
    ),
    "fewer workers at most than at least": (
        of_gpu("min_workers"),
        7,
        f"{WORKER}.max_workers is 6; expected at least min_workers, 7",
    ),
}


@pytest.mark.parametrize("mistake", GCP_MISTAKES)
def test_a_mistake_with_google_cloud_is_named(mistake, tmp_path, capsys):
    path, value, line = GCP_MISTAKES[mistake]
    config = filled(GCP)
    plant(config, path, value)
    status, lines = check(tmp_path, capsys, config)
    assert status == 2
    assert [found for found in lines if found.startswith(line)], lines


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("provider", "worker_ips"), [], "provider.worker_ips is empty; nothing would run "),
        (
            ("provider", "worker_ips"),
            ["10.0.0.2"],
            "provider.worker_ips: each machine once, and not the head's",
        ),
        (("max_workers",), 3, "max_workers is 3; expected at most 2, the worker_ips"),
        (("auth", "ssh_user"), None, "auth.ssh_user is missing; expected a user that all "),
        (("auth", "ssh_private_key"), "~/no", "auth.ssh_private_key: there is no ~/no here"),
        (("provider", "type"), "azure", "provider.type is azure; expected aws, gcp or local"),
    ],
)
def test_a_mistake_with_machines_of_ones_own(path, value, line, tmp_path, capsys):
    config = filled("deploy/cluster-local.yaml")
    plant(config, path, value)
    status, lines = check(tmp_path, capsys, config)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_without_boto3_the_rest_is_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    config = filled("cluster.yaml")
    del config["available_node_types"]["gpu"]["node_config"]["ImageId"]
    status, lines = check(tmp_path, capsys, config)
    assert status == 2
    assert sum('pip install -e ".[aws]"' in line for line in lines) == 1
    assert any("ImageId is missing" in line for line in lines)


def test_without_googles_client_the_rest_is_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "googleapiclient.discovery_cache", None)
    config = filled(GCP)
    for disks in ([], 100):
        config["available_node_types"]["gpu"]["node_config"]["disks"] = disks
        status, lines = check(tmp_path, capsys, config)
        assert status == 2
        assert sum('pip install -e ".[gcp]"' in line for line in lines) == 1
        assert any("has no boot disk" in line for line in lines)


def test_gpus_that_are_added_to_a_machine_count(tmp_path, capsys):
    config = filled(GCP)
    node = config["available_node_types"]["gpu"]["node_config"]
    node["machineType"] = "n1-standard-8"
    node["guestAccelerators"] = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 1}]
    assert check(tmp_path, capsys, config) == (0, [])


def test_what_a_template_holds_is_not_asked_for(tmp_path, capsys):
    config = filled(GCP)
    node = config["available_node_types"]["gpu"]["node_config"]
    for field in ("disks", "networkInterfaces", "serviceAccounts", "scheduling"):
        del node[field]
    node["sourceInstanceTemplate"] = "global/instanceTemplates/worker"
    assert check(tmp_path, capsys, config) == (0, [])


def test_what_is_no_cluster_file(tmp_path, capsys):
    for name, text, line in (
        ("broken.yaml", "a: [", "is not YAML: while parsing"),
        ("none.yaml", None, "cannot be read: No such file"),
    ):
        file = tmp_path / name
        if text:
            file.write_text(text)
        with pytest.raises(SystemExit) as ended:
            main([str(file)])
        assert ended.value.code == 2
        assert line in capsys.readouterr().err
    assert check(tmp_path, capsys, {"a": 1})[0] == 2
    assert check(tmp_path, capsys, ["a"])[0] == 2


def test_no_file_holds_what_is_a_users_own():
    """Keys, account numbers, addresses: all are placeholders."""
    for file in [ROOT / "cluster.yaml", *ROOT.glob("deploy/*.yaml")]:
        text = file.read_text()
        for secret in ("AKIA", "BEGIN", "arn:aws:iam::", "0.0.0.0"):
            assert secret not in text, file
