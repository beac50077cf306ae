"""Studies that are killed, and go on: real processes, a real Ray, kill -9."""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from ray.tune import ExperimentAnalysis

from study.engine import MAX_FAILURES

TESTS = Path(__file__).parent
NUM_TRIALS = 12


def start(
    folder: Path, num_samples: int = NUM_TRIALS, round_s: float = 0.3
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TESTS / "toy_study.py"), str(folder), str(num_samples)],
        env={**os.environ, "TOY_ROUND_S": str(round_s), "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def workers_of(pid: int) -> list[int]:
    """Ray's worker processes that run trials of this driver."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            names[int(stat.parent.name)] = stat.with_name("cmdline").read_text()
        except OSError:
            continue  # it has ended
        parents[int(stat.parent.name)] = int(fields[1])

    def descends(process: int) -> bool:
        while process in parents and process != pid:
            process = parents[process]
        return process == pid

    trials = [p for p, name in names.items() if name.startswith("ray::ImplicitFunc")]
    return [p for p in trials if descends(p)]


def wait_for_rows(folder: Path, rows: int, process: subprocess.Popen[str]) -> None:
    history = folder / "history.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if history.exists() and len(history.read_text().splitlines()) > rows:
            return
        time.sleep(0.05)


def exhausted(folder: Path) -> bool:
    """Whether a trial is running that may not fail once more."""
    rows = pd.read_csv(folder / "trials.csv")
    return bool(((rows.status == "running") & (rows.restarts >= MAX_FAILURES)).any())


def check_tables(folder: Path, num_trials: int) -> pd.DataFrame:
    """Each trial once, ended, with contiguous epochs; returns the trials."""
    trials = pd.read_csv(folder / "trials.csv", dtype={"trial_id": str})
    history = pd.read_csv(folder / "history.csv", dtype={"trial_id": str})
    assert len(trials) == num_trials
    assert trials.trial_id.is_unique
    assert set(trials.status) <= {"completed", "stopped"}
    rounds = history.groupby("trial_id")["round"].apply(list).to_dict()
    for trial in trials.itertuples():
        assert rounds[trial.trial_id] == list(range(1, trial.round + 1))
        assert trial.status == "stopped" or trial.round == 4
    return trials


def check_complete(folder: Path, num_trials: int = NUM_TRIALS) -> None:
    """Each trial once, ended, with contiguous epochs: in the tables, in Optuna and in Ray."""
    trials = check_tables(folder, num_trials)
    history = pd.read_csv(folder / "history.csv", dtype={"trial_id": str})
    rounds = history.groupby("trial_id")["round"].apply(list).to_dict()
    for trial in trials.itertuples():
        log = (folder / "ray" / trial.trial_id / "result.json").read_text().splitlines()
        assert [json.loads(line)["round"] for line in log] == rounds[trial.trial_id]
        assert {p.name for p in (folder / "samples" / trial.trial_id).iterdir()} == {
            "before.png",
            "after.png",
        }
    study = optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder / 'study.db'}")
    states = {t.user_attrs["ray_trial_id"]: t.state.name for t in study.trials}
    assert len(study.trials) == len(states) == num_trials
    expected = {"completed": "COMPLETE", "stopped": "PRUNED"}
    assert states == {t.trial_id: expected[t.status] for t in trials.itertuples()}

    in_ray = ExperimentAnalysis(
        str(folder / "ray"), default_metric="round", default_mode="max"
    ).trials
    assert {t.trial_id: t.status for t in in_ray} == dict.fromkeys(states, "TERMINATED")
    assert {t.trial_id: t.last_result["round"] for t in in_ray} == {
        t.trial_id: t.round for t in trials.itertuples()
    }
    for parent in ("ray", "samples"):
        folders = {p.name for p in (folder / parent).iterdir() if p.is_dir()}
        assert folders == set(states), parent


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)], ids=["two", "ten"])
def test_a_driver_killed_at_random_moments(kills, tmp_path):
    folder, rng = tmp_path / "killed", random.Random(kills)
    num_trials = 6 * kills  # too many to be through with before the last kill
    rows = 0
    for _ in range(kills):
        process = start(folder, num_trials)
        wait_for_rows(folder, rows, process)  # it has come further than the last one
        time.sleep(rng.uniform(0, 0.6))
        assert process.poll() is None, process.communicate()[0]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if (folder / "history.csv").exists():
            rows = len((folder / "history.csv").read_text().splitlines())
    process = start(folder, num_trials)
    output, _ = process.communicate(timeout=240)
    assert "status finished" in output, output
    check_complete(folder, num_trials)
    assert len(json.loads((folder / "study.json").read_text())["sessions"]) > 1


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)], ids=["two", "ten"])
def test_workers_killed_at_random_moments(kills, tmp_path):
    """Each kill costs a trial one of its retries, so a trial that has none left is spared."""
    folder, rng = tmp_path / "killed", random.Random(kills)
    process = start(folder)
    hit: collections.Counter[int] = collections.Counter()
    for kill in range(kills):
        wait_for_rows(folder, 1 + 3 * kill, process)
        time.sleep(rng.uniform(0, 0.3))
        while exhausted(folder) and process.poll() is None:
            time.sleep(0.1)
        if victims := workers_of(process.pid):
            victim = rng.choice(victims)
            os.kill(victim, signal.SIGKILL)
            hit[victim] += 1
    output, _ = process.communicate(timeout=240)
    assert "status finished" in output, output
    assert hit
    check_complete(folder)
    trials = pd.read_csv(folder / "trials.csv")
    assert trials.restarts.sum() >= 1
    assert set(trials.restart_reason.dropna().str.partition(":")[0]) == {"ActorDiedError"}


def test_a_finished_study_grows_and_what_was_there_stays(tmp_path):
    folder = tmp_path / "growing"
    output, _ = start(folder, 8, round_s=0.02).communicate(timeout=120)
    assert "status finished" in output, output
    before = {name: (folder / name).read_bytes() for name in ("trials.csv", "history.csv")}
    optuna_before = optuna.load_study(
        study_name="growing", storage=f"sqlite:///{folder / 'study.db'}"
    ).trials
    output, _ = start(folder, 16, round_s=0.02).communicate(timeout=120)
    assert "status finished" in output, output
    check_complete(folder, 16)
    for name, content in before.items():
        assert (folder / name).read_bytes().startswith(content), name
    after = optuna.load_study(study_name="growing", storage=f"sqlite:///{folder / 'study.db'}")
    assert after.trials[:8] == optuna_before
    points = pd.read_csv(folder / "trials.csv")[["x", "y"]]
    assert not points.duplicated().any()  # the sampler has not begun again where it began
