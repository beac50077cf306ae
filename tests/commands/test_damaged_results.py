"""Damaged files of results: each command that reads them says in one line which, and what to do."""

import json
import shutil

import pytest
from support.refusals import refused, snapshot

from study import load_study
from study.commands import search
from study.commands.dashboard import main as dashboard
from study.spec.errors import DamagedFile
from study.spec.status import StudyStatus

TABLES = ("trials.csv", "history.csv")
JSON = ("study.json", "confirm/study.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a study with a completed trial and a confirmation that has begun."""
    results = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "run", lambda session: StudyStatus.FINISHED)
        assert (
            search.main(["--dataset", "digits", "--name", "mine", "--results-dir", str(results)])
            == 0
        )
    folder = results / "mine"
    values = {"trial_id": "aaaa", "status": "completed", "epoch": 12, "started_s": 0.5}
    values |= {"ended_s": 9.5, "elapsed_s": 9.0, "restarts": 0, "checkpoint": "checkpoint_000000"}
    values |= {"dip_lr": 1e-3, "ddpm_lr": 1e-3, "std": 1.0, "fid": 9.5, "time_per_iteration_s": 0.1}
    for table in TABLES:
        header = (folder / table).read_text().strip()
        line = ",".join(str(values.get(name, "")) for name in header.split(","))
        (folder / table).write_text(f"{header}\n{line}\n")
    shutil.copytree(folder, folder / "confirm")
    info = json.loads((folder / "study.json").read_text())
    conditions = {name: {"parameters": {"prior": name}} for name in ("restorer", "none")}
    info |= {"conditions": conditions, "pairs": [["restorer", "none"]]}
    info |= {"compared": ["fid"], "time_axis": "time_total_s", "treatment": "the prior"}
    (folder / "confirm" / "study.json").write_text(json.dumps(info))
    load_study(folder)  # it can be read
    return folder


@pytest.fixture
def study(whole, tmp_path):
    """A copy to damage."""
    return shutil.copytree(whole, tmp_path / "mine")


def check_refused(study, file, says, capsys):
    """All that read the study refuse it, and name the file; reading never writes."""
    results = study.parent
    with pytest.raises(DamagedFile) as caught:
        load_study(study)
    assert caught.value.path == study / file
    for main, argv in (
        (dashboard, [str(study)]),
        (dashboard, [str(study), str(study)]),
        (search.main, ["--resume", "mine", "--results-dir", str(results)]),
    ):
        line = refused(main, argv, results, capsys)
        assert f"{study / file} " in line
        assert says in line
        assert "; restore it from a copy, or begin a new study" in line


@pytest.mark.parametrize("file", [*JSON, *TABLES, "confirm/trials.csv"])
@pytest.mark.parametrize("how", ["random bytes", "other text", "a folder"])
def test_what_is_no_such_file(file, how, study, capsys):
    path = study / file
    path.unlink()
    if how == "a folder":
        path.mkdir()
    else:
        path.write_bytes(bytes(range(256)) if how == "random bytes" else b"hello\nworld\n")
    says = {"random bytes": "is not text in UTF-8", "a folder": "is a folder, not a file"}
    other = "is not JSON" if file.endswith("json") else "has no column trial_id"
    check_refused(study, file, says.get(how, other), capsys)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ("[]", "is no JSON object, but list"),
        ("null", "is no JSON object, but NoneType"),
        ("[" * 100_000, "is not JSON"),
    ],
    ids=["empty", "cut short", "a list", "null", "deep"],
)
@pytest.mark.parametrize("file", JSON)
def test_json_that_is_no_object(file, content, says, study, capsys):
    (study / file).write_text(content)
    check_refused(study, file, says, capsys)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "ready"}, "is wrong at status: 'ready' is not one of"),
        ({"name": 5}, "is wrong at name: 5 is not of type 'string'"),
        ({"problem": None}, "is wrong at problem: None is not of type 'object'"),
        ({"problem": {}}, "is wrong at problem: 'title' is a required property"),
        ({"settings": []}, "is wrong at settings: [] is not of type 'object'"),
        ({"settings": {"plan": {"slots": 0}}}, "is wrong at settings.plan.slots: 0 is less than"),
        ({"sessions": {}}, "is wrong at sessions: {} is not of type 'array'"),
        ({"wall_time_s": "long"}, "is wrong at wall_time_s: 'long' is not of type 'number'"),
    ],
)
def test_study_json_of_wrong_types(change, says, study, capsys):
    info = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps(info | change))
    check_refused(study, "study.json", says, capsys)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": [{"name": "fid"}]}, "'label' is a required property"),
        ({"parameters": [{"name": "x", "label": "x", "shape": 3}]}, "describes no problem"),
        ({"start_points": [{"std": "x"}]}, "a start point has std 'x', not a number"),
        ({"parameters": [{"name": "x", "label": "x", "log": True}]}, "range, and begins at 0.0"),
        ({"parameters": [{"name": "x", "label": "x", "low": 2}]}, "is searched from 2 to 0.0"),
        ({"objectives": ["beauty"]}, "objective beauty is no metric with a goal"),
        ({"objectives": ["fid_floor"]}, "objective fid_floor is no metric with a goal"),
    ],
)
def test_study_json_that_describes_no_problem(change, says, study, capsys):
    info = json.loads((study / "study.json").read_text())
    info["problem"] |= change
    (study / "study.json").write_text(json.dumps(info))
    check_refused(study, "study.json", says, capsys)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pairs": [["restorer", "gone"]]}, "is wrong at pairs: 'gone' is not there"),
        ({"pairs": []}, "is wrong at pairs: nothing is compared"),
        ({"compared": ["beauty"]}, "is wrong at compared: 'beauty' is not there"),
        ({"conditions": {"restorer": {}}}, "'parameters' is a required property"),
    ],
)
def test_a_confirmation_that_does_not_say_what_it_compares(change, says, study, capsys):
    file = "confirm/study.json"
    info = json.loads((study / file).read_text())
    (study / file).write_text(json.dumps(info | change))
    check_refused(study, file, says, capsys)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("settings.run.dataset", {"settings": {}}),
        ("remembers epochs as 'many'", {"arguments": {"epochs": "many"}}),
        ("remembers std as [1]", {"arguments": {"std": [1]}}),
        ("remembers shape as 3", {"arguments": {"shape": 3}}),
    ],
)
def test_what_a_resumed_study_needs_besides(name, change, study, capsys):
    info = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps(info | change))
    argv = ["--resume", "mine", "--results-dir", str(study.parent)]
    line = refused(search.main, argv, study.parent, capsys)
    assert f"{study / 'study.json'} " in line
    assert name in line


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("trials.csv", "status", "ready", "line 2: status is 'ready', not one of running"),
        ("trials.csv", "epoch", "many", "line 2: epoch is 'many', not a number"),
        ("trials.csv", "ended_s", "nan", "line 2: ended_s is nan, not finite"),
        ("trials.csv", "epoch", "", "line 2: there is no epoch"),
        ("trials.csv", "trial_id", "", "line 2: there is no trial_id"),
        ("trials.csv", "std", "loud", "line 2: std is 'loud', not a number"),
        ("trials.csv", "ended_s", "late", "line 2: ended_s is 'late', not a number"),
        ("trials.csv", "fid", "good", "line 2: fid is 'good', not a number"),
        ("trials.csv", "fid", "nan", "line 2: a completed trial without fid"),
        ("trials.csv", "fid", "", "line 2: a completed trial without fid"),
        ("history.csv", "elapsed_s", "", "line 2: there is no elapsed_s"),
        ("history.csv", "loss", "small", "line 2: loss is 'small', not a number"),
    ],
)
def test_values_that_a_table_cannot_have(table, column, value, says, study, capsys):
    header, line = (study / table).read_text().splitlines()
    values = line.split(",")
    values[header.split(",").index(column)] = value
    (study / table).write_text(f"{header}\n{','.join(values)}\n")
    check_refused(study, table, says, capsys)


@pytest.mark.parametrize("change", ["a value too many", "a value too few"])
@pytest.mark.parametrize("table", TABLES)
def test_lines_that_do_not_fit_the_header(table, change, study, capsys):
    header, line = (study / table).read_text().splitlines()
    line = f"{line},1" if change == "a value too many" else line.rpartition(",")[0]
    (study / table).write_text(f"{header}\n{line}\n")
    check_refused(study, table, "line 2 has not as many values as the header", capsys)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_the_page_of_a_study_that_has_lost_a_table(table, how, study, capsys):
    (study / table).unlink()
    if how == "empty":
        (study / table).touch()
    line = refused(dashboard, [str(study)], study, capsys)
    assert f"{study / table} is {how}; " in line


@pytest.mark.parametrize("folder", ["samples", "artifacts", "ray", "baseline"])
def test_a_file_in_the_place_of_a_folder(folder, study, capsys):
    shutil.rmtree(study / folder, ignore_errors=True)
    (study / folder).write_text("a file")
    argv = ["--resume", "mine", "--results-dir", str(study.parent)]
    line = refused(search.main, argv, study.parent, capsys)
    assert f"{study / folder} is a file, not a folder; move it away" in line


@pytest.mark.parametrize("how", ["random bytes", "a folder"])
def test_a_damaged_database_is_told_before_the_start(how, study, capsys):
    if how == "a folder":
        (study / "study.db").mkdir()
    else:
        (study / "study.db").write_bytes(bytes(range(256)) * 40)
    argv = ["--resume", "mine", "--results-dir", str(study.parent)]
    line = refused(search.main, argv, study.parent, capsys)
    assert f"{study / 'study.db'} is no database of Optuna: " in line
    assert "; move it away: it is made again from trials.csv" in line


def test_a_page_that_cannot_be_written(study, capsys):
    (study / "dashboard.html").mkdir()
    before = snapshot(study / "dashboard.html")
    assert dashboard([str(study)]) == 1
    error = capsys.readouterr().err
    assert "dashboard.html cannot be written: Is a directory" in error
    assert error.count("\n") == 1
    assert snapshot(study / "dashboard.html") == before


def test_a_folder_that_is_no_study_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_study(tmp_path)
