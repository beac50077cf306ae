"""What is written to the results folder is what is read back."""

import dataclasses
import math
import shutil

import pytest
from support.toy_problem import TOY

from study.results.folder import ResultsFolder, valid_name
from study.results.records import load_study
from study.spec.errors import DamagedFile, SettingError
from study.spec.problem import FIXED_DESIGN

SCORES = {"error": 1.0, "price": 1.0}


@pytest.fixture
def folder(tmp_path):
    return ResultsFolder.create(tmp_path, "one", TOY, {"settings": {}})


def row(trial_id: str, status: str, **values):
    base = {"trial_id": trial_id, "status": status, "x": 1.0, "y": 0.5, "round": 4}
    return base | {"started_s": 0.5, "restarts": 0} | values


def test_an_empty_study_reads_as_empty(folder):
    study = load_study(folder.path)
    assert study.trials == ()
    assert study.info["status"] == "interrupted"
    assert study.front == []
    assert study.best is None


def test_rows_come_back(folder):
    for done in (1, 2):
        folder.append_history(
            row("12345678", "running", round=done, elapsed_s=done, error=1 / done)
        )
    rows = [
        row("12345678", "completed", round=2, error=0.5, price=1.0),
        row("1234e567", "stopped", round=2, error=0.1, price=0.1),
        row("c", "failed", round=0, stop_reason='ValueError: "a, b"', error=math.nan),
    ]
    folder.write_trials(rows)
    first, second, third = load_study(folder.path).trials
    assert (first.trial_id, second.trial_id) == ("12345678", "1234e567")  # not numbers
    assert [(e.resource, e.metrics["error"]) for e in first.curve] == [(1, 1.0), (2, 0.5)]
    assert first.parameters == {"x": 1.0, "y": 0.5}
    assert first.metrics == {"error": 0.5, "price": 1.0}
    assert third.metrics == {}
    assert third.stop_reason == 'ValueError: "a, b"'
    assert load_study(folder.path).best.trial_id == "12345678"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_reads_as_unknown(folder, value):
    folder.append_history(row("a", "running", round=1, elapsed_s=1.0, error=1.0, price=value))
    folder.write_trials([row("a", "stopped", round=1, error=1.0, price=value)])
    (trial,) = load_study(folder.path).trials
    assert trial.metrics == {"error": 1.0}
    assert trial.curve[0].metrics == {"error": 1.0}


def test_an_early_stopped_trial_is_never_the_best(folder):
    folder.write_trials([row("a", "stopped", round=1, error=0.0, price=0.0)])
    assert load_study(folder.path).best is None
    assert load_study(folder.path).front == []


def test_of_a_fixed_design_none_is_the_best(tmp_path):
    settings = {"settings": {"plan": {"sampler": FIXED_DESIGN}}}
    folder = ResultsFolder.create(tmp_path, "fixed", TOY, settings)
    folder.write_trials([row("a", "completed", error=0.5, price=1.0)])
    assert len(load_study(folder.path).with_status("completed")) == 1
    assert load_study(folder.path).best is None
    assert load_study(folder.path).front == []


def test_latest_names_the_newest(tmp_path, folder):
    folder.make_latest()
    assert (tmp_path / "latest").resolve() == folder.path
    second = ResultsFolder.create(tmp_path, "two", TOY, {})
    second.make_latest()
    assert (tmp_path / "latest").resolve() == second.path


def test_latest_that_is_not_ours_is_left_alone(tmp_path, folder):
    """Someone's copy of the folder has turned the link into what it led to; or it is a file."""
    latest = tmp_path / "latest"
    shutil.copytree(folder.path, latest)
    before = {path: path.is_file() and path.read_bytes() for path in latest.rglob("*")}
    assert not folder.make_latest()
    assert {path: path.is_file() and path.read_bytes() for path in latest.rglob("*")} == before
    shutil.rmtree(latest)
    latest.write_text("mine")
    assert not folder.make_latest()
    assert latest.read_text() == "mine"


def test_a_study_is_called_as_its_folder(tmp_path, folder):
    copy = shutil.copytree(folder.path, tmp_path / "copy")
    assert load_study(copy).name == "copy"
    folder.make_latest()
    assert load_study(tmp_path / "latest").name == "one"
    assert load_study(folder.path.rename(tmp_path / "two")).name == "two"


def test_a_last_line_that_a_crash_cut_short_is_left_out(folder):
    history = folder.path / "history.csv"
    for done in (1, 2):
        folder.append_history(row("a", "running", round=done, elapsed_s=done, error=1.0))
    whole = history.read_bytes()
    second = whole.splitlines(keepends=True)[-1]
    for torn in (second[:10], bytes(20), second[:10] + bytes(20), b""):
        history.write_bytes(whole + torn)
        assert [evaluation["round"] for evaluation in folder.read_history()] == [1, 2]


def test_a_damaged_line_within_a_table_is_named(folder):
    history = folder.path / "history.csv"
    for done in (1, 2, 3):
        folder.append_history(row("a", "running", round=done, elapsed_s=done, error=1.0))
    header, first, second, third = history.read_bytes().splitlines(keepends=True)
    zeroed = bytes(len(second) - 1) + b"\n"
    for damaged in (zeroed, second[:10] + b"\n", bytes(20) + second[20:], second + b"1,2\n"):
        history.write_bytes(header + first + damaged + third)
        with pytest.raises(DamagedFile, match=r"history\.csv line [34] "):
            folder.read_history()


def test_an_existing_study_is_not_touched(tmp_path, folder):
    before = {p.name: p.read_bytes() for p in folder.path.iterdir() if p.is_file()}
    with pytest.raises(FileExistsError):
        ResultsFolder.create(tmp_path, "one", TOY, {})
    assert before == {p.name: p.read_bytes() for p in folder.path.iterdir() if p.is_file()}


@pytest.mark.parametrize("name", ["a", "2026-11-23-digits", "A.b_c-1"])
def test_names(name):
    assert valid_name(name)


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", ".", "-x", "a b", "latest", "x" * 101, "é", "a\n"]
)
def test_bad_names(name):
    assert not valid_name(name)


def test_what_is_written_back_is_the_same_bytes(folder):
    """Also of ids and hashes that look like numbers, of NaN, and of text with quotes and lines."""
    rows = [
        row("00012345", "completed", error=0.1 + 0.2, price=1e-5, ended_s=2.0),
        row("12345678", "failed", error=math.nan, stop_reason='a "b",\nc', round=0),
        row("1e5", "stopped", price=3, bound=1e300),
    ]
    folder.write_trials(rows)
    before = (folder.path / "trials.csv").read_bytes()
    folder.write_trials(folder.read_trials())
    assert (folder.path / "trials.csv").read_bytes() == before


def test_a_last_line_that_was_cut_short_is_not_read_and_not_kept(folder):
    folder.append_history(row("a", "running", round=1, elapsed_s=1, error=1.0))
    whole = (folder.path / "history.csv").read_bytes()
    with (folder.path / "history.csv").open("ab") as file:
        file.write(b"a,2,2.0,1")
    folder.write_trials([row("a", "running", round=1)])
    assert [e.resource for e in load_study(folder.path).trials[0].curve] == [1]
    folder.close()
    again = ResultsFolder.reopen(folder.path, TOY, {})
    assert (folder.path / "history.csv").read_bytes() == whole
    again.append_history(row("a", "running", round=2, elapsed_s=2, error=0.5))
    assert [e.resource for e in load_study(folder.path).trials[0].curve] == [1, 2]


def test_a_study_that_nobody_runs_is_not_running(tmp_path):
    """As a driver that was killed leaves it; the system lets go of its lock."""
    with ResultsFolder.create(tmp_path, "one", TOY) as folder:
        folder.write_trials([row("a", "running", round=1)])
        folder.set_status("running")
        while_run = load_study(folder.path)
    after = load_study(folder.path)
    assert [s.info["status"] for s in (while_run, after)] == ["running", "interrupted"]
    assert [s.trials[0].status for s in (while_run, after)] == ["running", "interrupted"]
    with ResultsFolder.reopen(folder.path, TOY, {}) as again:
        assert again.info["status"] == "interrupted"


def test_replicates_are_known_by_their_parameters(folder):
    rows = [
        row("a", "completed", error=1.0, price=1.0, seed=3),
        row("b", "completed", error=0.5, price=1.0, seed=1003),
        row("c", "completed", error=0.7, price=1.0, seed=3, y=0.25),
        row("d", "stopped", round=1, error=0.9, price=1.0, seed=1004),
    ]
    folder.write_trials(rows)
    study = load_study(folder.path)
    assert [t.replicate_of for t in study.trials] == [None, 0, None, 0]
    assert [t.trial_id for t in study.replicates(study.best)] == ["a", "b", "d"]
    assert [t.trial_id for t in study.finalists(3)] == ["b", "c"]  # each setting once


def test_the_command_of_a_trial_has_its_seed(tmp_path):
    problem = dataclasses.replace(TOY, rerun="toy --x {x} --y {y} --seed {seed}")
    settings = {"settings": {"plan": {"seed": 3}}}
    folder = ResultsFolder.create(tmp_path, "seeded", problem, settings)
    folder.write_trials(
        [row("a", "completed", seed=1003, **SCORES), row("b", "completed", **SCORES)]
    )
    study = load_study(folder.path)
    assert [study.rerun_command(trial) for trial in study.trials] == [
        "toy --x 1.0 --y 0.5 --seed 1003",
        "toy --x 1.0 --y 0.5 --seed 3",  # begun before seeds were on record
    ]


def test_a_history_keeps_the_columns_that_it_began_with(folder):
    """Lines of this version are read from a history that an earlier one began."""
    history = folder.path / "history.csv"
    history.write_text("trial_id,round,elapsed_s,x,y,error\r\na,1,1,1.0,0.5,1.0\r\n")
    folder.write_trials([row("a", "running", round=1)])
    folder.close()
    again = ResultsFolder.reopen(folder.path, TOY, {})
    again.append_history(row("a", "running", round=2, elapsed_s=2, error=0.5, seed=3))
    (trial,) = load_study(folder.path).trials
    assert [(e.resource, e.metrics) for e in trial.curve] == [
        (1, {"error": 1.0}),
        (2, {"error": 0.5}),
    ]


def test_a_wider_range_is_on_record_and_a_narrower_one_is_refused(folder):
    folder.write_trials([row(name, "completed", **SCORES) for name in ("a", "b")])
    folder.close()
    x, y = TOY.parameters
    wider = dataclasses.replace(TOY, parameters=(dataclasses.replace(x, high=30.0), y))
    for _ in range(2):  # a later session keeps what was there
        ResultsFolder.reopen(folder.path, wider, {}).close()
    info = load_study(folder.path).info
    assert info["problem"]["parameters"][0]["high"] == 30.0
    assert info["widened"] == [
        {"parameter": "x", "before": [0.1, 10.0], "now": [0.1, 30.0], "trials_before": 2}
    ]
    before = (folder.path / "study.json").read_bytes()
    with pytest.raises(SettingError, match=r"x is '0\.1 to 10'; expected 0\.1 to 30"):
        ResultsFolder.reopen(folder.path, TOY, {})
    assert (folder.path / "study.json").read_bytes() == before
