"""The recorder beside parts that fail: the trials go on, it is told once, and made good later."""

import contextlib
import json
import os
import sqlite3
from types import SimpleNamespace

import optuna
import pytest
from ray import cloudpickle
from rich.console import Console
from support.toy_problem import TOY

from study.engine.notices import Notices
from study.engine.recorder import Recorder
from study.engine.terminal import Display
from study.page.refresher import LivePage
from study.results.folder import ResultsFolder
from study.results.optuna_export import OptunaExport
from study.results.records import load_study
from study.results.remote import RemotePath
from study.spec.outlet import Outlet


class Session:
    """A recorder of real parts, and trials whose evaluations it is told of."""

    def __init__(self, folder, file):
        self.folder, self.lines = folder, []
        self.url = f"sqlite:///{folder.path / 'study.db'}"
        console = Console(file=Outlet.of(file))
        notices = Notices(lambda line: (self.lines.append(line), console.print(line)))
        export = OptunaExport(
            self.url,
            "toy",
            TOY,
            samples=folder.path / "samples",
            artifacts=folder.path / "artifacts",
            warn=lambda line: notices.tell("the database", line),
        )
        page = LivePage(folder.path, lambda line: notices.tell("the page", line))
        page._next = 0.0  # at once
        display, place = Display(TOY, 3, 1, (), console), RemotePath.local(folder.path)
        self.recorder = Recorder(TOY, folder, place, None, export, display, page, notices, [])
        self.recorder._nodes["n"] = "this machine"

    def run(self, trial_id, rounds=4):
        trial = SimpleNamespace(trial_id=trial_id, config={"x": 1.0, "y": 0.5, "seed": 1})
        self.recorder.on_trial_start(0, [], trial)
        for done in range(1, rounds + 1):
            metrics = {"error": 1 / done, "bound": 0.2, "price": 1.0, "work_s": 1.0, "process": 1}
            result = {"round": done, "metrics": metrics, "place": {"node": "n", "gpus": ""}}
            result |= {"checkpoint_dir_name": f"checkpoint_{done:06}"}
            (self.folder.path / "ray" / trial_id / f"checkpoint_{done:06}").mkdir(parents=True)
            self.recorder.on_trial_result(0, [], trial, result)
            self.recorder.on_step_end(0, [])
        if rounds == 4:
            self.recorder.on_trial_complete(0, [], trial)
        return trial

    def check(self, trials):
        """All is on record."""
        study = load_study(self.folder.path)
        assert [t.trial_id for t in study.trials] == trials
        assert all(t.status == "completed" and len(t.curve) == 4 for t in study.trials)
        assert self.recorder.fatal is None


@pytest.fixture
def folder(tmp_path):
    with ResultsFolder.create(tmp_path, "toy", TOY) as folder:
        yield folder


@pytest.fixture
def session(folder, tmp_path):
    with (tmp_path / "out").open("w") as file:
        session = Session(folder, file)
        yield session
        session.recorder.end_open_trials()


def test_a_terminal_that_is_closed(folder):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        os.close(reader)
        session = Session(folder, file)
        session.run("a")
        session.run("b")
        session.recorder.end_open_trials()
        session.check(["a", "b"])
        assert session.recorder.notices.lines == ["the output is lost (Broken pipe)"]


def test_a_page_that_cannot_be_written_is_told_once_and_drawn_when_it_can(session):
    page = session.folder.path / "dashboard.html"
    page.mkdir()
    session.run("a")
    session.recorder.page.finish()
    session.recorder.page._next = 0.0
    session.run("b")
    session.recorder.end_open_trials()
    assert [line for line in session.lines if "page" in line] == [
        line for line in session.lines if line.startswith("the page could not be drawn: IsADirecto")
    ]
    assert len(session.lines) == 1
    page.rmdir()
    session.recorder.page._next = 0.0
    session.run("c")
    session.recorder.end_open_trials()
    assert page.exists()
    session.check(["a", "b", "c"])


def test_a_locked_database_gets_all_trials_at_the_end(session, monkeypatch):
    monkeypatch.setattr("study.results.optuna_export.SQLITE_WAIT_S", 0.1)
    session.run("a")
    session.recorder.export.flush()
    with contextlib.closing(sqlite3.connect(session.folder.path / "study.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        session.run("b")
        session.recorder.export.flush()
        session.run("c")
    session.recorder.end_open_trials()
    session.check(["a", "b", "c"])
    (line,) = session.lines
    assert "database is locked" in line
    study = optuna.load_study(study_name="toy", storage=session.url)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 3


def test_logs_that_cannot_be_written_are_written_later(session):
    logs = session.folder.path / "ray"
    (logs / "a" / "params.json").mkdir(parents=True)  # a folder in the place of the file
    session.run("a")
    assert session.lines[0].startswith("the trials go on without the logs for Ray and TensorBoard")
    (logs / "a" / "params.json").rmdir()
    session.run("b")
    session.check(["a", "b"])
    for trial_id in ("a", "b"):
        log = (logs / trial_id / "result.json").read_text().splitlines()
        assert [json.loads(line)["round"] for line in log] == [1, 2, 3, 4]
    assert len(session.lines) == 1


def test_results_that_cannot_be_written_end_the_study(session):
    trials = session.folder.path / "trials.csv"
    trials.unlink()
    trials.mkdir()
    session.run("a")
    assert isinstance(session.recorder.fatal, OSError)


class NoCopy(Exception):
    """An exception that cannot be loaded again, as many are not."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("see /home/me/x.txt\nmore"), "ValueError: see …/x.txt"),
        (NoCopy(1, 2), "TypeError: "),
    ],
    ids=["any", "one that cannot be read"],
)
def test_a_failed_trial_has_its_reason(error, reason, session, tmp_path):
    trial = session.run("a", rounds=2)
    (tmp_path / "error").write_bytes(cloudpickle.dumps(error))
    trial.pickled_error_file = str(tmp_path / "error")
    trial.has_tries_left = False
    session.recorder.on_trial_error(0, [], trial)
    (failed,) = load_study(session.folder.path).trials
    assert failed.status == "failed"
    assert failed.stop_reason.startswith(reason)


@pytest.mark.parametrize(("repeated", "restarts"), [(False, 1), (True, 0)])
def test_a_trial_that_ray_gave_up_too_early_is_only_restarted(repeated, restarts, session):
    """Once: of a failure that had been told before, the restart is counted."""
    trial = session.run("a", rounds=2)
    trial.pickled_error_file = None
    trial.has_tries_left, trial.repeated = True, repeated
    session.recorder.on_trial_error(0, [], trial)
    (row,) = session.recorder.rows.values()
    assert (row["status"], row["restarts"]) == ("running", restarts)


def test_a_trial_that_fails_while_the_study_is_interrupted_is_interrupted_too(session):
    """The signal may have reached its process as well."""
    trial = session.run("a", rounds=2)
    session.recorder.interrupted = lambda: True
    session.recorder.on_trial_error(0, [], trial)
    session.recorder.end_open_trials()
    assert [t.status for t in load_study(session.folder.path).trials] == ["interrupted"]
