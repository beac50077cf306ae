"""What terminal and page say of a study in words."""

import dataclasses
import json

import pytest
from support.planted_confirmations import confirmation
from support.planted_studies import make_study, row
from support.toy_problem import TOY

from study.page import figures
from study.page.dashboard import draw
from study.page.text import describe_best, describe_bounds, describe_origin, describe_study
from study.results.records import load_study
from study.spec.problem import FIXED_DESIGN

X, Y = TOY.parameters
FLAGGED = dataclasses.replace(
    TOY,
    parameters=(
        dataclasses.replace(X, widening="--x {low} {high} --resume {study} -n {num_samples} helps"),
        Y,
    ),
    start_points=({"x": 9.0, "y": 1.0},),
)
ROWS = [
    row("a", "completed", error=0.5, x=9.0, y=1.0, seed=3),
    row("b", "completed", error=0.75, x=9.0, y=1.0, seed=1003),
    row("c", "completed", error=2.0, x=1.0, y=0.0, seed=3),
    row("d", "stopped", error=1.0, x=2.0, y=0.1, round=2, seed=3),
    row("e", "stopped", error=1.0, x=2.0, y=0.1, round=2, seed=1003),
]
SAID = [
    "replicates: 2 of 5 trials run a setting again, newly seeded",
    "best setting's runs: error 0.5 with seed 3, 0.75 with seed 1003",
    "best x 9 is near the upper end of its range 0.1 to 10: --x 0.1 100.0 --resume one -n 8 helps",
    "best y 1 is near the upper end of its range -1 to 1: better values may lie beyond",
    "x: searched from 1 to 10 by the first 2 trials, from 0.1 to 10 since",
]


@pytest.fixture
def study(tmp_path):
    folder = make_study(tmp_path, ROWS, FLAGGED).folder
    info = json.loads((folder / "study.json").read_text())
    widened = {"parameter": "x", "before": [1.0, 10.0], "now": [0.1, 10.0], "trials_before": 2}
    (folder / "study.json").write_text(json.dumps({**info, "widened": [widened]}))
    return load_study(folder)


def test_replicates_edges_and_wider_ranges_are_told(study):
    text, page = describe_study(study), draw(study).replace("&#39;", "'")
    for line in SAID:
        assert line in text
        assert line[1:] in page  # where it may begin a sentence


def test_a_trial_says_how_it_came_by_its_setting(study):
    page = draw(study)
    for trial, said in zip(
        json.loads(page[page.index("trials: [") + 8 : page.index("],\n  columns") + 1]),
        ("; a start point", "; a replicate of trial 0, with seed 1003", "", "", "trial 3, with"),
        strict=True,
    ):
        assert said in trial["ended"]


def test_the_trials_of_a_fixed_design_have_no_origin(tmp_path):
    """Its start points may even have other names, as an earlier version's do."""
    earlier = dataclasses.replace(FLAGGED, start_points=({"row": 1.0},))
    study = make_study(tmp_path, ROWS[:1], earlier, sampler=FIXED_DESIGN)
    assert describe_origin(study, study.trials[0]) == ""


def test_where_nothing_was_run_again_nothing_is_said(tmp_path):
    study = make_study(tmp_path, [ROWS[0], ROWS[2]], FLAGGED)
    assert "replicate" not in describe_study(study)
    assert "edge" not in describe_study(study)  # of two trials one is always the best


def test_the_axes_of_parameters_show_the_range_that_is_searched(study):
    axis = figures.slices(study).layout.xaxis
    assert axis.range == pytest.approx((-1.08, 1.08))  # 0.1 to 10 in decades, with a margin
    assert figures.pairs(study).layout.yaxis.range == pytest.approx((-1.08, 1.08))


def test_what_to_judge_the_quality_by_are_numbers_alone(study):
    assert describe_bounds(study, study.best) == "Lower is better: lower bound 0.25."


def test_the_best_setting_names_its_trial(tmp_path):
    study = make_study(tmp_path, ROWS, FLAGGED)
    text = describe_best(study, study.best)
    assert text == "x 9, y 1. error 0.5 in the search, as trial 0, not confirmed with fresh seeds."


def test_the_bounds_say_what_a_second_measure_goes_by(tmp_path):
    study = make_study(tmp_path, ROWS, FLAGGED)
    record = confirmation(0.8, 10.0, harm=1.3)
    metrics = tuple(
        dataclasses.replace(m, about="counts what was broken") if m.name == "harm" else m
        for m in record.problem.metrics
    )
    problem = dataclasses.replace(FLAGGED, metrics=metrics)
    both = dataclasses.replace(study, problem=problem, confirmation=record)
    said = describe_bounds(both, both.best)
    assert said == "Lower is better: lower bound 0.25. Harm counts what was broken."
