"""Studies that are killed or damaged, and go on: real processes, a real Ray, kill -9."""

import dataclasses
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from rich.console import Console
from support.interrupted_study import BEGUN, COMPLETED, CUT_OFF, interrupt
from support.killed_studies import check_complete, start, wait_for_rows
from support.toy_problem import DIES_IDLE, PLAN, TOY, toy

from study.engine.recorder import Recorder
from study.engine.recovery import recover
from study.engine.runner import run_study
from study.engine.samplers import make_scheduler
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.results.remote import RemotePath
from study.spec.problem import FIXED_DESIGN


def go_on(folder, trainable=toy, problem=TOY, **changes):
    """A session of a study in this process, the first or another, until the end."""
    plan = dataclasses.replace(PLAN, name=folder.name, **changes)
    with ResultsFolder.open(folder.parent, folder.name, problem) as study:
        status = run_study(problem, trainable, plan, study, console=Console(quiet=True))
    assert status == "finished"


def test_a_driver_killed_at_a_random_moment_goes_on_and_its_study_grows(ray_local, tmp_path):
    """``test_random_kills`` kills in more ways, and more often."""
    folder = tmp_path / "killed"
    process = start(folder, 8)
    wait_for_rows(folder, 3, process)
    time.sleep(random.Random(2).uniform(0, 0.6))
    assert process.poll() is None, process.communicate()[0]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    go_on(folder, num_samples=8, sampler="tpe")
    check_complete(folder, 8)
    assert len(json.loads((folder / "study.json").read_text())["sessions"]) == 2

    before = {name: (folder / name).read_bytes() for name in ("trials.csv", "history.csv")}
    database = {"study_name": folder.name, "storage": f"sqlite:///{folder / 'study.db'}"}
    exported = optuna.load_study(**database).trials
    go_on(folder, num_samples=16, sampler="tpe")
    check_complete(folder, 16)
    for name, content in before.items():
        assert (folder / name).read_bytes().startswith(content), name
    assert optuna.load_study(**database).trials[:8] == exported
    points = pd.read_csv(folder / "trials.csv")[["x", "y"]]
    assert not points.duplicated().any()  # the sampler has not begun again where it began


class Trap:
    """Kills the process that it finds itself in, once, but for the one that set it."""

    def __init__(self, file: Path) -> None:
        self.file, self.setter = file, os.getpid()
        file.touch()

    def spring(self) -> None:
        if self.file.exists() and os.getpid() != self.setter:
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def __setstate__(self, state):
        self.__dict__ = state
        if self.file.name == "as it starts":
            self.spring()


def test_the_death_of_a_worker_costs_one_try_whenever_it_dies(ray_local, tmp_path, monkeypatch):
    """As it starts; as it is given to a trial; in a round; between a result and its checkpoint."""
    starts, works = Trap(tmp_path / "as it starts"), Trap(tmp_path / "in a round")
    saves = Trap(tmp_path / "between a result and its checkpoint")

    def trapped(parameters):
        starts.spring()
        if parameters["y"] == 0.1:
            works.spring()
        toy(parameters)

    def on_result(self, iteration, trials, trial, result, **info):
        recorded(self, iteration, trials, trial, result, **info)
        if trial.config["y"] == 0.0 and result["round"] == 2 and saves.file.exists():
            saves.file.unlink()
            os.kill(result["metrics"]["process"], signal.SIGKILL)

    recorded = Recorder.on_trial_result
    monkeypatch.setattr(Recorder, "on_trial_result", on_result)
    # the second dies when it is stopped, and in its process the first would have gone on
    expected = {0.5: 2, DIES_IDLE: 0, 0.1: 1, 0.0: 1}
    problem = dataclasses.replace(TOY, start_points=tuple({"x": 1.0, "y": y} for y in expected))
    folder = tmp_path / "killed"
    go_on(folder, trapped, problem, sampler=FIXED_DESIGN, num_samples=4, slots=1)
    check_complete(folder, 4)
    trials = pd.read_csv(folder / "trials.csv")
    assert dict(zip(trials.y, trials.restarts, strict=True)) == expected
    reasons = trials.restart_reason.dropna().str.partition(":")[0]
    assert set(reasons) == {"ActorDiedError"}
    assert not any(trap.file.exists() for trap in (starts, works, saves))


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
    go_on(folder, num_samples=3, scheduler="none")
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
