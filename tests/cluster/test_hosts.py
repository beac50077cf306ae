"""cluster-local.yaml on real hosts: `ray up` over ssh, studies, machines that die, `ray down`."""

import json
import shlex
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support import ROOT
from support.cluster_files import filled
from support.evaluations import repeated
from support.hosts import SWITCH, Lab, unavailable
from support.waiting import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(unavailable() is not None, reason=str(unavailable())),
]

S3 = {
    "AWS_ENDPOINT_URL": f"http://{SWITCH}:5000",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
ENVIRONMENT = {
    **S3,
    # of the autoscaler: how often it looks, and when it starts Ray again on a machine it misses
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "AUTOSCALER_HEARTBEAT_TIMEOUT_S": "10",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # then a worker without its head ends
    "RAY_health_check_period_ms": "1000",  # between two of the five questions to a silent node
}

TRIALS, EPOCHS = 6, 8
STUDY = (
    f"--dataset digits --num-samples {TRIALS} --max-epochs {EPOCHS} --scheduler none "
    "--train-size 500 --dip-steps 20 --eval-every 1 --confirm-top 0 --gpus-per-trial 0.5 "
    "--ray-address auto --storage-path s3://studies/all"
)
"""Two trials on each pretended GPU; a checkpoint at each epoch."""


class Cluster:
    """A head and two workers with a pretended GPU each, and the laptop that commands them."""

    def __init__(self, lab: Lab) -> None:
        self.laptop, self.head, *self.workers = lab.hosts
        config = filled("deploy/cluster-local.yaml")
        workers = [host.address for host in self.workers]
        config["provider"] |= {"head_ip": self.head.address, "worker_ips": workers}
        config["auth"]["ssh_user"] = "root"
        del config["head_setup_commands"]  # MNIST is out of reach
        size = "ray start --object-store-memory=200000000"
        gpu = " --num-cpus=2 --num-gpus=1 --labels=gpus=pretended"
        for name, more in (("head", ""), ("worker", gpu)):
            commands = config[f"{name}_start_ray_commands"]
            config[f"{name}_start_ray_commands"] = [
                command.replace("ray start", size + more) for command in commands
            ]
        (self.laptop.home / "cluster.yaml").write_text(yaml.safe_dump(config))
        self.ray("get-auth-token --generate")

    def ray(self, command: str, check: bool = True):
        here = f"PATH=~/venv/bin:$PATH; cd {shlex.quote(str(ROOT))}"
        return self.laptop.run(f"{here}; ray {command}", check=check)

    def up(self) -> None:
        self.ray("up -y --no-config-cache ~/cluster.yaml")

    def submit(self, arguments: str) -> None:
        """Begin a study, and leave."""
        self.ray(f"submit --tmux ~/cluster.yaml study/run.py {arguments} {STUDY}")

    def results(self, name: str) -> Path:
        """On the head's disk."""
        return self.head.home / "results" / name

    def wait_for(self, name: str, reached) -> None:
        """Until something holds of a study's trials and its history, as tables."""
        files = [self.results(name) / file for file in ("trials.csv", "history.csv")]

        def holds() -> bool:
            tables = [pd.read_csv(f) for f in files if f.exists() and f.stat().st_size]
            return len(tables) == 2 and reached(*tables)

        monitor = "tail -n 40 /tmp/ray/session_latest/logs/monitor.log"
        wait_until(holds, every_s=0.5, why_not=lambda: self.head.run(monitor, check=False).stdout)

    def wait_for_end(self, name: str) -> None:
        """Until the driver has written all of it and is gone."""
        self.wait_for(name, everything_has_ended)
        running = "pgrep -f '^python .*run[.]py'"
        wait_until(lambda: self.head.run(running, check=False).returncode, every_s=0.5)

    def fetched(self, name: str) -> Path:
        """The results on the laptop."""
        self.ray("rsync-down ~/cluster.yaml '~/results/' ~/results/")
        return self.laptop.home / "results" / name


@pytest.fixture
def cluster(tmp_path):
    names = ("laptop", "head", "one", "two")
    with Lab(tmp_path, names, ENVIRONMENT, [ROOT]) as lab:
        lab.serve(sys.executable, "-m", "moto.server", "-H", SWITCH, "-p", "5000")
        cluster = Cluster(lab)
        bucket = "import boto3; boto3.client('s3').create_bucket(Bucket='studies')"
        cluster.laptop.run(f'until ~/venv/bin/python -c "{bucket}"; do sleep 0.3; done')
        yield cluster


def everything_has_ended(trials, history) -> bool:
    return len(trials) == TRIALS and set(trials.status) <= {"completed", "stopped", "failed"}


def check(folder: Path) -> None:
    """Each trial once, ended well, and its epochs."""
    trials, history = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "history.csv")
    assert json.loads((folder / "study.json").read_text())["status"] == "finished"
    assert len(trials) == TRIALS
    assert trials.trial_id.is_unique
    assert set(trials.status) == {"completed"}, trials.stop_reason.tolist()
    epochs = history.groupby("trial_id").epoch.apply(list)
    assert epochs.tolist() == [list(range(1, EPOCHS + 1))] * TRIALS
    assert set(trials.gpus.astype(int)) == {0}
    assert history.concurrent.max() == 4  # two on each GPU


def test_a_worker_lost_then_the_head(cluster):
    began = time.monotonic()
    marks = {}

    def mark(what: str) -> None:
        marks[what] = round(time.monotonic() - began)

    cluster.up()
    mark("up")

    # a worker machine dies and comes back; the laptop is gone too: the driver is on the head
    cluster.submit("--name lost")
    cluster.laptop.stop()
    cluster.wait_for("lost", lambda _, history: len(history) >= 6)
    mark("first epochs")
    one = cluster.workers[0]
    one.stop()
    before = pd.read_csv(cluster.results("lost") / "trials.csv")
    on_it = before.trial_id[(before.status == "running") & (before.node == one.address)]
    time.sleep(3)
    one.start()

    def goes_on(trials, history) -> bool:
        again = trials.trial_id[trials.restarts > 0]
        return set(on_it) <= set(again) and len(history) >= 14

    cluster.wait_for("lost", goes_on)
    mark("goes on without a worker")

    # the head dies, and comes back with an empty disk: all is rebuilt from the bucket
    cluster.head.stop()
    folder = cluster.results("lost")
    trials, before = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "history.csv")
    causes = set(trials.restart_reason.dropna().str.partition(":")[0])
    assert causes <= {"ActorDiedError", "ActorUnavailableError"}
    assert max(repeated(folder), default=0) <= 1
    marks["restarts"] = int(trials.restarts.sum())
    assert "running" in set(trials.status)
    cluster.head.wipe()
    cluster.head.start()
    cluster.laptop.start()
    cluster.ray("down -y ~/cluster.yaml", check=False)  # the new head knows no Ray to stop
    cluster.up()
    mark("up again")
    cluster.submit("--resume lost")
    cluster.wait_for_end("lost")
    mark("finished")
    folder = cluster.fetched("lost")
    check(folder)
    history = pd.read_csv(folder / "history.csv")
    # what the bucket had not yet seen, which it does about once a second, is done again
    kept = before.merge(history, on=["trial_id", "epoch", "elapsed_s"])
    lost_epochs = before.trial_id.value_counts().sub(kept.trial_id.value_counts(), fill_value=0)
    assert lost_epochs.max() <= 2
    marks["lost with the head"] = int(lost_epochs.sum())
    assert len(json.loads((folder / "study.json").read_text())["sessions"]) == 2
    assert set(history.node) == {worker.address for worker in cluster.workers}

    cluster.ray("down -y ~/cluster.yaml")
    for host in (cluster.head, *cluster.workers):
        wait_until(lambda host=host: "raylet" not in host.run("ps aux").stdout, every_s=0.5)
    mark("down")
    print(marks)


def test_a_setup_command_that_fails_ends_ray_up(cluster):
    file = cluster.laptop.home / "cluster.yaml"
    config = yaml.safe_load(file.read_text())
    config["setup_commands"].append("false")
    file.write_text(yaml.safe_dump(config))
    assert cluster.ray("up -y --no-config-cache ~/cluster.yaml", check=False).returncode == 1
