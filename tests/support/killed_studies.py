"""A study of the toy problem in a process of its own, which a test can kill."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pandas as pd

from study.engine.runner import MAX_FAILURES
from support import PYTHONPATH, TESTS
from support.waiting import wait_until

NUM_TRIALS = 12


def start(
    folder: Path, num_samples: int = NUM_TRIALS, round_s: float = 0.3
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TESTS / "support" / "toy_study.py"), str(folder), str(num_samples)],
        env={**os.environ, "TOY_ROUND_S": str(round_s), "PYTHONPATH": PYTHONPATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def descendants(pid: int) -> dict[int, str]:
    """The processes that this one has started, directly or not: command lines by id."""
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

    return {p: name for p, name in names.items() if p != pid and descends(p)}


def workers_of(pid: int) -> list[int]:
    """Ray's worker processes that run trials of this driver."""
    return [p for p, name in descendants(pid).items() if name.startswith("ray::ImplicitFunc")]


def wait_for_rows(
    folder: Path, rows: int, process: subprocess.Popen[str], why_not: Callable[[], object] = str
) -> None:
    """Until the history of a study has so many evaluations, or its driver has ended."""
    wait_until(lambda: process.poll() is not None or rows_of(folder) >= rows, why_not=why_not)


def rows_of(folder: Path) -> int:
    """The evaluations in a study's history."""
    history = folder / "history.csv"
    return len(history.read_text().splitlines()[1:]) if history.exists() else 0


def exhausted(folder: Path) -> bool:
    """Whether a trial is running that may not fail once more."""
    rows = pd.read_csv(folder / "trials.csv")
    return bool(((rows.status == "running") & (rows.restarts >= MAX_FAILURES)).any())


def check_ends(trials: pd.DataFrame) -> None:
    """All have completed or were stopped; what has not is named, with its error."""
    wrong = trials[~trials.status.isin(["completed", "stopped"])]
    told = ["trial_id", "status", "stop_reason", "round", "restarts", "restart_reason"]
    assert wrong.empty, wrong.filter(told).to_string()


def check_tables(folder: Path, num_trials: int) -> pd.DataFrame:
    """Each trial once, ended, with contiguous epochs; returns the trials."""
    trials = pd.read_csv(folder / "trials.csv", dtype={"trial_id": str})
    history = pd.read_csv(folder / "history.csv", dtype={"trial_id": str})
    assert len(trials) == num_trials
    assert trials.trial_id.is_unique
    check_ends(trials)
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

    for parent in ("ray", "samples"):
        # Ray makes a trial's folder before the trial is on record: one that is empty may be left
        folders = {p.name for p in (folder / parent).iterdir() if p.is_dir() and any(p.iterdir())}
        assert folders == set(states), parent
