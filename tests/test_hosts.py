"""cluster-local.yaml on real hosts: `ray up` over ssh, machines that die, `ray down`."""

import shlex
import time

import pytest
import yaml
from cluster_files import ROOT, filled
from hosts import Lab, unavailable

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(unavailable() is not None, reason=str(unavailable())),
]

SLOTS = """
import socket, time
import ray, dipddpm, study
ray.init(address="auto", log_to_driver=False)
half = ray.remote(num_gpus=0.5)(lambda: time.sleep(1) or socket.gethostname())
print("RAN ON", *sorted(set(ray.get([half.remote() for _ in range(8)]))))
"""
"""Eight tasks of half a GPU: which hosts they ran on."""


class Cluster:
    """A head and two workers with two pretended GPUs each, and the laptop that commands them."""

    def __init__(self, lab: Lab) -> None:
        self.laptop, self.head, *self.workers = lab.hosts
        config = filled("cluster-local.yaml")
        workers = [host.address for host in self.workers]
        config["provider"] |= {"head_ip": self.head.address, "worker_ips": workers}
        config["auth"]["ssh_user"] = "root"
        del config["head_setup_commands"]  # MNIST is out of reach
        size = "ray start --object-store-memory=200000000"
        for name, more in (("head", ""), ("worker", " --num-cpus=2 --num-gpus=2")):
            commands = config[f"{name}_start_ray_commands"]
            config[f"{name}_start_ray_commands"] = [
                command.replace("ray start", size + more) for command in commands
            ]
        (self.laptop.home / "cluster.yaml").write_text(yaml.safe_dump(config))
        (self.laptop.home / "slots.py").write_text(SLOTS)
        self.ray("get-auth-token --generate")

    def ray(self, command: str, check: bool = True):
        here = f"PATH=~/venv/bin:$PATH; cd {shlex.quote(str(ROOT))}"
        return self.laptop.run(f"{here}; ray {command}", check=check)

    def hosts_used(self) -> set[str]:
        output = self.ray("submit ~/cluster.yaml ~/slots.py", check=False).stdout
        lines = [line for line in output.splitlines() if line.startswith("RAN ON")]
        return set(lines[-1].split()[2:]) if lines else set()

    def wait_for(self, hosts: set[str]) -> None:
        deadline = time.monotonic() + 180
        while (used := self.hosts_used()) != hosts:
            assert time.monotonic() < deadline, used


@pytest.fixture
def cluster(tmp_path):
    names = ("laptop", "head", "one", "two")
    with Lab(tmp_path, names, {"AUTOSCALER_UPDATE_INTERVAL_S": "1"}, [ROOT]) as lab:
        yield Cluster(lab)


def test_up_a_worker_lost_the_head_replaced_and_down(cluster):
    cluster.ray("up -y --no-config-cache ~/cluster.yaml")
    cluster.wait_for({"one", "two"})

    one = cluster.workers[0]
    one.stop()
    cluster.wait_for({"two"})

    cluster.head.stop()
    cluster.head.wipe()
    cluster.head.start()
    one.start()
    cluster.ray("down -y ~/cluster.yaml", check=False)  # the new head knows no Ray to stop
    cluster.ray("up -y --no-config-cache ~/cluster.yaml")
    cluster.wait_for({"one", "two"})

    cluster.ray("down -y ~/cluster.yaml")
    for host in (cluster.head, *cluster.workers):
        assert "raylet" not in host.run("ps aux").stdout


def test_a_setup_command_that_fails_ends_ray_up(cluster):
    file = cluster.laptop.home / "cluster.yaml"
    config = yaml.safe_load(file.read_text())
    config["setup_commands"].append("false")
    file.write_text(yaml.safe_dump(config))
    assert cluster.ray("up -y --no-config-cache ~/cluster.yaml", check=False).returncode == 1
