"""Known settings that a search tries first, from a file or from the front of another study."""

import dataclasses
import json

import pytest
from support.planted_studies import make_study, row
from support.toy_problem import TOY

from study.cluster.capacity import this_machine
from study.commands.start_points import describe_search, read_points
from study.problem.definition import METRICS, describe
from study.problem.settings import resolve
from study.spec.errors import SettingError
from study.spec.problem import Parameter

PROBLEM = dataclasses.replace(TOY, parameters=(*TOY.parameters, Parameter("n", "n", 8, 32, step=8)))


def settings(**given):
    return resolve(given, this_machine())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("points.csv", "n,x,y\n8,0.1,1\n16,2e0,-0.5\n"),
        ("points.csv", "\ufeffx,y,n\r\n0.1,1.0,8\r\n2.0,-0.5,16.0\r\n"),  # a spreadsheet's
        ("points.json", '[{"x": 0.1, "y": 1, "n": 8}, {"n": 16, "x": 2.0, "y": -0.5}]'),
    ],
)
def test_a_table_or_a_list_of_settings(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    points = read_points(tmp_path / name, PROBLEM)
    assert points == [{"x": 0.1, "y": 1.0, "n": 8}, {"x": 2.0, "y": -0.5, "n": 16}]
    assert [type(value) for value in points[1].values()] == [float, float, int]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y,n\n1,0,8\n1,2,8\n", "a.csv, row 2, y 2; expected -1 to 1"),
        ("a.csv", "x,y,n\n1,0,12\n", "a.csv, row 1, n 12; expected 8 to 32 in steps of 8"),
        ("a.csv", "x,y,n\n1,0,8.5\n", "a.csv, row 1, n 8.5; expected 8 to 32 in steps of 8"),
        ("a.csv", "x,y,n\n1,nan,8\n", "a.csv, row 1, y nan; expected -1 to 1"),
        ("a.csv", "x,y,n\nbig,0,8\n", "a.csv, row 1, x big; expected 0.1 to 10"),
        ("a.csv", "x,y,n\n1,,8\n", "a.csv, row 1, y ; expected -1 to 1"),
        ("a.csv", "x,y\n1,0\n", "row 1, with columns x, y; expected the columns x, y, n and no"),
        ("a.csv", "x,y,n,z\n1,0,8,1\n", "row 1, with columns x, y, n, z; expected the columns"),
        ("a.csv", "x,y,n\n1,0,8,5\n", "with columns x, y, n, one without a name; expected the"),
        ("a.csv", "x,y,n\n1,0,8\n1.0,0,8\n", "row 2; expected each setting once, but it is that"),
        ("a.csv", "x,y,n,x\n1,0,8,1\n", "a .json file: a column is there twice"),
        ("a.csv", "x,y,n\n", "a.csv; expected at least one row of x, y, n"),
        ("a.csv", "", "a.csv; expected at least one row of x, y, n"),
        ("a.json", '[{"x": true, "y": 0, "n": 8}]', "a.json, row 1, x True; expected 0.1 to 10"),
        ("a.json", '{"x": 1}', "a.json; expected a CSV table, or a list of objects in a .json"),
        ("a.json", "[1", "a.json; expected a CSV table, or a list of objects in a .json file: "),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingError) as caught:
        read_points(tmp_path / name, PROBLEM)
    error = caught.value
    assert error.name == "start_points"
    assert message in f"{error.value}; expected {error.expected}"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingError, match="expected a file that can be read: No such file"):
        read_points(tmp_path / "gone.csv", PROBLEM)


def study_of(tmp_path, points, **given):
    """A study of these settings in which each point has completed, the first one best."""
    resolved = settings(**given)
    problem = dataclasses.replace(describe(resolved), objectives=("fid",), metrics=METRICS)
    rows = [
        row(f"t{i}", "completed", epoch=36, fid=float(i), **point) for i, point in enumerate(points)
    ]
    for each in rows:
        each["round"] = 0  # no pictures and no history
    study = make_study(tmp_path, rows, problem, "other")
    info = json.loads((study.folder / "study.json").read_text())
    info["settings"]["run"] = resolved.to_json()["run"]
    (study.folder / "study.json").write_text(json.dumps(info))
    return study.folder


BEST = {"dip_lr": 0.003, "ddpm_lr": 0.004, "std": 0.3}
MORE = {"dip_steps": 150, "batch_size": 64, "width": 24, "sampler_steps": 20}


def test_the_front_of_another_study_comes_before_the_originals_settings(tmp_path):
    folder = study_of(tmp_path, [BEST, {**BEST, "std": 0.4}])
    problem = describe_search(settings(start_from=folder), None)
    assert problem.start_points[0] == BEST  # with one objective the front is the best trial
    assert problem.start_points[1:] == describe(settings()).start_points


def test_what_the_other_study_did_not_search_is_as_in_its_runs(tmp_path):
    folder = study_of(tmp_path, [BEST], width=24, batch_size=48)
    (first, *_) = describe_search(settings(start_from=folder, space="extended"), None).start_points
    assert first == {**BEST, "dip_steps": 100, "batch_size": 48, "width": 24, "sampler_steps": 10}


@pytest.mark.parametrize(
    ("points", "there", "here", "message"),
    [
        ([BEST], {}, {"ddpm_lr": (1e-4, 1e-3)}, "trial 0, ddpm_lr 0.004; expected 0.0001 to 0.001"),
        ([BEST | MORE], {"space": "extended"}, {}, "trial 0, dip_steps 150; expected 100: this"),
        ([BEST], {"width": 24}, {}, "trial 0, width 24; expected 16: this study does not search"),
        (
            [BEST],
            {},
            {"regime": "noisy"},
            "expected a search with --regime noisy: clean images have",
        ),
        ([BEST], {"regime": "noisy"}, {"regime": "noisy"}, "expected a search with --regime noisy"),
        ([], {}, {}, "expected a search in which a trial has completed"),
    ],
)
def test_a_front_that_is_not_in_this_space_is_refused(tmp_path, points, there, here, message):
    folder = study_of(tmp_path, points, **there)
    with pytest.raises(SettingError) as caught:
        describe_search(settings(start_from=folder, **here), None)
    assert caught.value.name == "start_from"
    assert message in f"{caught.value.value}; expected {caught.value.expected}"


def test_a_baseline_takes_what_it_has_of_a_search_with_prior(tmp_path):
    folder = study_of(tmp_path, [BEST])
    problem = describe_search(settings(start_from=folder, prior="none"), None)
    assert problem.start_points[0] == {"ddpm_lr": BEST["ddpm_lr"]}


def test_a_folder_that_is_no_study(tmp_path):
    with pytest.raises(SettingError, match=r"the results folder of a study; it has no study\.json"):
        describe_search(settings(start_from=tmp_path), None)


def test_points_that_wait_are_kept_when_the_study_is_resumed(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("dip_lr,ddpm_lr,std\n0.003,0.004,0.3\n")
    began = describe_search(settings(start_points=path), None)
    earlier = {"problem": json.loads(json.dumps(began.to_json()))}
    assert describe_search(settings(), earlier).start_points == began.start_points
    path.write_text("dip_lr,ddpm_lr,std\n0.002,0.002,0.2\n")
    points = describe_search(settings(start_points=path), earlier).start_points
    assert [point["std"] for point in points[:2]] == [0.2, 0.3]  # what is new comes next
    assert points[1:] == began.start_points
