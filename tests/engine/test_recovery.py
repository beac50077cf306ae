"""Studies that are killed or damaged, and go on: real processes, a real Ray, kill -9."""

import collections
import dataclasses
import json
import os
import random
import shutil
import signal
import time

import optuna
import pandas as pd
import pytest
from rich.console import Console
from support.interrupted_study import BEGUN, COMPLETED, CUT_OFF, interrupt
from support.killed_studies import check_complete, exhausted, start, wait_for_rows, workers_of
from support.toy_problem import PLAN, TOY, toy
from support.waiting import HANG_S, wait_until

from study.engine.recovery import recover
from study.engine.runner import run_study
from study.engine.samplers import make_scheduler
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.results.remote import RemotePath


def test_a_driver_killed_at_random_moments(tmp_path):
    folder, rng = tmp_path / "killed", random.Random(2)
    num_trials = 12  # too many to be through with before the last kill
    rows = 1
    for _ in range(2):
        process = start(folder, num_trials)
        wait_for_rows(folder, rows, process)  # it has come further than the last one
        time.sleep(rng.uniform(0, 0.6))
        assert process.poll() is None, process.communicate()[0]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if (folder / "history.csv").exists():
            rows = len((folder / "history.csv").read_text().splitlines())
    process = start(folder, num_trials)
    output, _ = process.communicate(timeout=HANG_S)
    assert "status finished" in output, output
    check_complete(folder, num_trials)
    assert len(json.loads((folder / "study.json").read_text())["sessions"]) > 1


def test_workers_killed_at_random_moments(tmp_path):
    """Each kill costs a trial one of its retries, so a trial that has none left is spared."""
    folder, rng = tmp_path / "killed", random.Random(2)
    process = start(folder)
    hit: collections.Counter[int] = collections.Counter()
    for kill in range(2):
        wait_for_rows(folder, 1 + 3 * kill, process)
        time.sleep(rng.uniform(0, 0.3))
        wait_until(lambda: process.poll() is not None or not exhausted(folder))
        if victims := workers_of(process.pid):
            victim = rng.choice(victims)
            os.kill(victim, signal.SIGKILL)
            hit[victim] += 1
    output, _ = process.communicate(timeout=HANG_S)
    assert "status finished" in output, output
    assert hit
    check_complete(folder)
    trials = pd.read_csv(folder / "trials.csv")
    assert trials.restarts.sum() >= 1
    assert set(trials.restart_reason.dropna().str.partition(":")[0]) == {"ActorDiedError"}


def test_a_finished_study_grows_and_what_was_there_stays(tmp_path):
    folder = tmp_path / "growing"
    output, _ = start(folder, 8, round_s=0.02).communicate(timeout=HANG_S)
    assert "status finished" in output, output
    before = {name: (folder / name).read_bytes() for name in ("trials.csv", "history.csv")}
    optuna_before = optuna.load_study(
        study_name="growing", storage=f"sqlite:///{folder / 'study.db'}"
    ).trials
    output, _ = start(folder, 16, round_s=0.02).communicate(timeout=HANG_S)
    assert "status finished" in output, output
    check_complete(folder, 16)
    for name, content in before.items():
        assert (folder / name).read_bytes().startswith(content), name
    after = optuna.load_study(study_name="growing", storage=f"sqlite:///{folder / 'study.db'}")
    assert after.trials[:8] == optuna_before
    points = pd.read_csv(folder / "trials.csv")[["x", "y"]]
    assert not points.duplicated().any()  # the sampler has not begun again where it began


def recovered(folder):
    """Recover a study; return its trials by id, as (status, round, checkpoint), and what was said.

    Whatever happened to it, no trial fails and nothing that is there is deleted.
    """
    before = {path for path in folder.rglob("*") if not path.name.startswith(".")}
    said: list[str] = []
    study = ResultsFolder.reopen(folder, TOY, {"settings": {}})
    place, scheduler = RemotePath.local(folder), make_scheduler("none", TOY, 1, 2)
    rows, trials = recover(study, place, scheduler, 1, said.append)
    study.close()
    assert before <= set(folder.rglob("*"))
    assert [row["status"] for row in rows] == [t.status for t in load_study(folder).trials]
    for trial in trials:  # what the sampler is told of it ends where the trial stands
        assert [spent for spent, _ in trial.curve][-1] == trial.resource
        assert len(trial.curve) == max(1, trial.evaluations)
    return {t.trial_id: (t.status, t.resource, t.checkpoint) for t in trials}, said


AS_IT_WAS = {
    COMPLETED: ("completed", 4, "checkpoint_000003"),
    CUT_OFF: ("interrupted", 2, "checkpoint_000001"),
    BEGUN: ("interrupted", 0, None),
}


def test_what_is_whole_is_recovered_without_a_word(tmp_path):
    assert recovered(interrupt(tmp_path)) == (AS_IT_WAS, [])


@pytest.mark.parametrize("lines", [3, 0], ids=["all but three", "none"])
def test_a_completed_trial_stays_completed_whatever_the_history_lacks(lines, tmp_path):
    folder = interrupt(tmp_path)
    history = folder / "history.csv"
    kept = history.read_text().splitlines(keepends=True)[: lines + 1 if lines else 0]
    history.write_text("".join(kept))
    trials, said = recovered(folder)
    assert trials[COMPLETED][:2] == ("completed", 4)
    assert trials[CUT_OFF] == ("interrupted", 0, None)
    assert said == [
        f"history.csv lacks the last evaluation of trial {COMPLETED}: as trials.csv has it",
        f"history.csv lacks the last evaluation of trial {CUT_OFF}: measured again",
    ]
    # its curve ends with what the row knows, for the page
    assert load_study(folder).trials[0].curve[-1].resource == 4
    assert history.read_text().startswith("trial_id,")  # fit to be added to


def damage(folder, how):
    state = folder / "state.json"
    whole = state.read_bytes()
    if how == "gone":
        shutil.rmtree(folder)
    elif how == "without its state":
        state.unlink()
    else:
        damaged = {
            "cut in half": whole[: len(whole) // 2],
            "zeroed": bytes(len(whole)),
            "empty": b"",
        }
        state.write_bytes(damaged[how])


@pytest.mark.parametrize("how", ["gone", "without its state", "cut in half", "zeroed", "empty"])
def test_a_damaged_checkpoint_means_the_one_before_it_or_a_new_beginning(how, tmp_path):
    folder = interrupt(tmp_path)
    checkpoints = folder / "ray" / CUT_OFF
    damage(checkpoints / "checkpoint_000001", how)
    trials, said = recovered(folder)
    assert trials == {**AS_IT_WAS, CUT_OFF: ("interrupted", 1, "checkpoint_000000")}
    lost = "its checkpoint_000001 is missing or damaged"
    assert said == [f"trial {CUT_OFF} goes on from checkpoint_000000: {lost}"]
    damage(checkpoints / "checkpoint_000000", how)
    trials, said = recovered(folder)
    assert trials == {**AS_IT_WAS, CUT_OFF: ("interrupted", 0, None)}
    assert said == [f"trial {CUT_OFF} begins again: {lost}"]


def test_a_completed_trial_needs_no_checkpoint(tmp_path):
    folder = interrupt(tmp_path)
    shutil.rmtree(folder / "ray" / COMPLETED)
    assert recovered(folder) == (AS_IT_WAS, [])


@pytest.mark.parametrize("lost", [(COMPLETED,), (CUT_OFF,), (COMPLETED, CUT_OFF, BEGUN)])
def test_a_row_that_is_lost_is_written_again_from_the_history(lost, tmp_path):
    folder = interrupt(tmp_path)
    before = {trial.trial_id: trial for trial in load_study(folder).trials}
    table = folder / "trials.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if not line.startswith(lost)))
    trials, said = recovered(folder)
    told = [trial_id for trial_id in lost if trial_id != BEGUN]  # of which there is nothing to tell
    assert trials == {k: v for k, v in AS_IT_WAS.items() if k in told or k not in lost}
    assert said == [f"trials.csv lacks trial {', '.join(told)}: written again from history.csv"]
    for trial in load_study(folder).trials:
        assert trial.parameters == before[trial.trial_id].parameters
        assert trial.curve == before[trial.trial_id].curve
    assert recovered(folder)[1] == []  # it is said once


@pytest.mark.parametrize("table", ["trials.csv", "history.csv"])
def test_a_table_that_is_gone_or_of_zero_bytes_stops_no_study(table, tmp_path):
    folder = interrupt(tmp_path)
    for content in (None, b"", bytes(500)):
        if content is None:
            (folder / table).unlink()
        else:
            (folder / table).write_bytes(content)
        trials, _ = recovered(folder)
        assert trials[COMPLETED][:2] == ("completed", 4)


def test_folders_that_no_record_knows_are_named_and_kept(tmp_path):
    folder = interrupt(tmp_path)
    stray = folder / "ray" / "dddddddd" / "checkpoint_000000" / "state.json"
    stray.parent.mkdir(parents=True)
    stray.write_text("{}")
    trials, said = recovered(folder)
    assert trials == AS_IT_WAS
    unknown = "neither table knows trial dddddddd: folders in ray or samples, left as they are"
    assert said == [unknown]


def test_what_is_measured_again_is_not_recorded_again(ray_local, tmp_path):
    """A trial whose checkpoints are damaged begins again, and its history goes on where it was."""
    folder = interrupt(tmp_path)
    before = (folder / "history.csv").read_bytes()
    for checkpoint in (folder / "ray" / CUT_OFF).iterdir():
        damage(checkpoint, "cut in half")
    plan = dataclasses.replace(PLAN, num_samples=3, scheduler="none")
    with ResultsFolder.reopen(folder, TOY, {"settings": {}}) as study:
        status = run_study(TOY, toy, plan, study, console=Console(quiet=True))
    assert status == "finished"
    assert (folder / "history.csv").read_bytes().startswith(before)
    for trial in load_study(folder).trials:
        assert (trial.status, trial.restarts) == ("completed", 0)
        assert [evaluation.resource for evaluation in trial.curve] == [1, 2, 3, 4]


def test_trials_that_began_before_seeds_were_on_record_had_the_plans(tmp_path):
    folder = ResultsFolder.create(tmp_path, "old", TOY)
    folder.trial_columns.remove("seed")
    base = {"status": "completed", "x": 1.0, "y": 0.5, "started_s": 0.0, "restarts": 0, "round": 0}
    folder.write_trials([{**base, "trial_id": "a"}, {**base, "trial_id": "b", "status": "running"}])
    folder.close()
    scheduler = make_scheduler("none", TOY, 1, 2)
    with ResultsFolder.reopen(folder.path, TOY, {}) as again:
        place = RemotePath.local(folder.path)
        rows, trials = recover(again, place, scheduler, 7, print)
        assert [row["seed"] for row in rows] == [7, 7]
        assert [trial.seed for trial in trials] == [7, 7]
        assert [row["seed"] for row in again.read_trials()] == [7, 7]
