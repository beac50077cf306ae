"""deploy/slurm.sbatch on a real Slurm: jobs that are preempted and go on, and two on one node."""

import datetime
import json

import pandas as pd
import pytest
from support import ROOT
from support.evaluations import repeated
from support.hosts import Lab
from support.slurm import Slurm, unavailable

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(unavailable() is not None, reason=str(unavailable())),
]

TRIALS, EPOCHS = 3, 8
SMALL = (
    "--scheduler none --confirm-top 0 --gpus-per-trial 1 "
    "--dataset digits --train-size 300 --dip-steps 5 --scored-images 100 --eval-every 1"
)


@pytest.fixture
def slurm(tmp_path):
    """Two nodes with two pretended GPUs each."""
    shared = tmp_path / "shared"
    shared.mkdir()
    environment = {"SLURM_CONF": str(shared / "slurm.conf"), "PYTHONPATH": str(ROOT)}
    with Lab(tmp_path, ("n1", "n2"), environment, [ROOT], (shared,)) as lab:
        yield Slurm(lab, shared, cpus=4, gpus=2)


class Study:
    """A study that is a job, in a script as a user would change it."""

    def __init__(self, slurm: Slurm, name: str, flags: str, options: str, task: str = "") -> None:
        self.slurm, self.folder = slurm, slurm.folder / "results" / f"{name}{task}"
        script, text = slurm.folder / name, (ROOT / "deploy/slurm.sbatch").read_text()
        for shipped, here in (
            ("ray start", "ray start --object-store-memory=100000000 --labels=gpus=pretended"),
            ("results=results\n", f"results={slurm.folder / 'results'}\n"),
            ("storage=results/", f"storage={slurm.folder}/"),
            ("study=(--num-samples 30 --preset original", f"study=({flags} {SMALL}"),
            ("--cpus-per-trial 2 --gpus-per-trial 0.5)", ")"),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        script.write_text(text)
        less = "--cpus-per-task=2 --gpus-per-node=1"
        log = f"--output={slurm.folder / name}.log"
        self.job = slurm.submit(f"--job-name={name} {less} {log} {options} {script}")

    @property
    def state(self) -> str:
        return self.slurm.job(self.job)["JobState"]

    @property
    def history(self) -> str:
        file = self.folder / "history.csv"
        return file.read_text() if file.exists() else ""

    def has_evaluations(self, count: int) -> bool:
        assert self.state in ("PENDING", "RUNNING"), self.state
        return self.history.count("\n") > count

    def runs_again(self) -> bool:
        """Whether Slurm has started it again, which is told not to wait its two minutes.

        A node refuses a job that begins in the second in which it was ended there.
        """
        job = self.slurm.job(self.job)
        assert job["JobState"] in ("COMPLETING", "PENDING", "RUNNING"), job
        if job["JobState"] == "PENDING":
            queued = datetime.datetime.fromisoformat(job["SubmitTime"])
            if datetime.datetime.now() - queued > datetime.timedelta(seconds=2):
                self.slurm.run(f"scontrol update job={self.job} StartTime=now")
        return job["JobState"] == "RUNNING"

    @property
    def info(self) -> dict:
        return json.loads((self.folder / "study.json").read_text())

    @property
    def sessions(self) -> list[str | None]:
        """How each has ended; None for one that was killed."""
        return [session.get("status") for session in self.info["sessions"]]


def test_a_study_that_is_preempted_twice_beside_another_on_its_node(slurm):
    study = Study(slurm, "first", f"--num-samples {TRIALS} --max-epochs {EPOCHS}", "--nodes=2")
    on_one = "--nodes=1 --nodelist=n1 --array=3"
    other = Study(slurm, "other", "--num-samples 1 --max-epochs 1", on_one, task="-3")

    # both jobs run on n1; the end of one, with its Ray, does nothing to the other
    slurm.wait_for(lambda: other.state == "COMPLETED")
    assert other.sessions == ["finished"]
    assert other.info["settings"]["plan"]["seed"] == 3
    assert set(pd.read_csv(other.folder / "history.csv").node) == {slurm.hosts[0].address}
    slurm.wait_for(lambda: study.has_evaluations(3))
    assert not pd.read_csv(study.folder / "trials.csv").restarts.any()

    # preempted: Slurm ends the job at once, and queues it again
    seen = [study.history]
    slurm.run(f"scontrol requeue {study.job}")
    slurm.wait_for(study.runs_again)
    slurm.wait_for(lambda: study.has_evaluations(seen[0].count("\n") + 3))

    # near its limit: the batch shell alone gets the signal of --signal
    slurm.run(f"scancel --batch --signal=USR1 {study.job}")
    slurm.wait_for(lambda: slurm.job(study.job)["Restarts"] == "2")
    seen.append(study.history)
    assert study.sessions[-1] == "interrupted"  # in order
    slurm.wait_for(study.runs_again)
    slurm.wait_for(lambda: study.state == "COMPLETED")

    # no evaluation is lost, and each trial is there once
    assert all(study.history.startswith(lines) for lines in seen)
    assert len(study.sessions) == 3
    assert study.sessions[-1] == "finished"
    trials = pd.read_csv(study.folder / "trials.csv")
    assert len(trials) == TRIALS
    assert trials.trial_id.is_unique
    assert set(trials.status) == {"completed"}
    history = pd.read_csv(study.folder / "history.csv")
    epochs = history.groupby("trial_id").epoch.apply(list)
    assert epochs.tolist() == [list(range(1, EPOCHS + 1))] * TRIALS
    assert max(repeated(study.folder), default=0) <= 1
    assert set(history.node) == {host.address for host in slurm.hosts}
    left = [host.run("ls -d /tmp/ray-*", check=False).stdout for host in slurm.hosts]
    assert left == ["", ""]
