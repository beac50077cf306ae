"""Studies that are killed, and go on: real processes, a real Ray, kill -9."""

import collections
import json
import os
import random
import signal
import time

import optuna
import pandas as pd
import pytest
from support.killed_studies import check_complete, exhausted, start, wait_for_rows, workers_of
from support.toy_problem import TOY

from study.engine.recovery import recover
from study.engine.samplers import make_scheduler
from study.results.folder import ResultsFolder
from study.results.remote import RemotePath


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


def test_trials_that_began_before_seeds_were_on_record_had_the_plans(tmp_path):
    folder = ResultsFolder.create(tmp_path, "old", TOY)
    folder.trial_columns.remove("seed")
    base = {"status": "completed", "x": 1.0, "y": 0.5, "started_s": 0.0, "restarts": 0, "round": 0}
    folder.write_trials([{**base, "trial_id": "a"}, {**base, "trial_id": "b", "status": "running"}])
    folder.close()
    scheduler = make_scheduler("none", TOY, 1, 2)
    with ResultsFolder.reopen(folder.path, TOY, {}) as again:
        rows, recovered = recover(again, RemotePath.local(folder.path), scheduler, seed=7)
        assert [row["seed"] for row in rows] == [7, 7]
        assert [trial.seed for trial in recovered] == [7, 7]
        assert [row["seed"] for row in again.read_trials()] == [7, 7]
