import dataclasses

import pytest
from support.planted_confirmations import confirmation
from support.planted_studies import PLAN, ROWS, make_study, row
from support.toy_problem import TOY

from study.analysis import search
from study.spec.problem import Metric

PRICE = next(m for m in TOY.metrics if m.name == "price")


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, ROWS)


def test_the_knee_is_where_the_front_bends(tmp_path):
    points = [(1.0, 100.0), (2.0, 5.0), (3.0, 2.0), (30.0, 1.5), (100.0, 1.0)]
    rows = [row(f"t{i}", "completed", error=e, price=p) for i, (p, e) in enumerate(points)]
    study = make_study(tmp_path, rows)
    assert search.knee(study, PRICE).metrics["price"] == 3.0
    assert search.knee(make_study(tmp_path, rows[:2], name="two"), PRICE) is None
    assert search.knee(study, Metric("round", "round")) is None


def test_within_one_standard_error_of_the_best(study):
    assert search.standard_error(study) is None
    assert search.as_good_as_the_best(study) == []
    confirmed = dataclasses.replace(study, confirmation=confirmation(1.0, 10.0, seeds=200))
    # the planted noise: its median absolute deviation, scaled to a standard deviation
    assert search.standard_error(confirmed) == pytest.approx(0.005, rel=0.15)
    assert [t.trial_id for t in search.as_good_as_the_best(confirmed)] == ["aaa"]


def test_the_hypervolume_agrees_with_optunas(tmp_path):
    import numpy as np
    from optuna._hypervolume import compute_hypervolume

    rng = np.random.default_rng(0)
    values = rng.random((12, 2)) + 0.5
    rows = [row(f"t{i}", "completed", error=e, price=p) for i, (e, p) in enumerate(values.tolist())]
    grown = [v for _, v in search.hypervolume(make_study(tmp_path, rows))]
    scaled = (values - values.min(axis=0)) / (values.max(axis=0) - values.min(axis=0))
    expected = [compute_hypervolume(scaled[: i + 1], np.ones(2)) for i in range(12)]
    assert grown == pytest.approx(expected)
    assert grown == sorted(grown)


def test_rank_correlations(tmp_path):
    """Rounds 1 and 2 rank as the end does, since all curves fall alike."""
    study = make_study(tmp_path, [row(f"t{i}", "completed", error=i + 1.0) for i in range(4)])
    assert search.rank_correlations(study) == [(r, pytest.approx(1.0), 4) for r in (1, 2, 3, 4)]
    assert search.rank_correlations(make_study(tmp_path, ROWS[:2], name="few")) == []


def test_rungs_are_those_of_the_plan(study):
    assert search.rungs(study) == [1, 2]
    study.info["settings"]["plan"] = {**PLAN, "scheduler": "none"}
    assert search.rungs(study) == []


def test_what_stopping_saved(study):
    """Trial ddd took 4 s for 2 of its 4 rounds."""
    assert search.seconds_saved(study) == pytest.approx(4.0)


def test_no_two_trials_share_a_lane_at_a_time(tmp_path):
    spans = [(0.0, 4.0), (0.5, 2.0), (2.0, 5.0), (4.0, None), (5.0, 6.0), (5.5, 7.0)]
    rows = [row(f"t{i}", "completed", started_s=a, ended_s=b) for i, (a, b) in enumerate(spans)]
    rows[3]["status"] = "running"
    study = make_study(tmp_path, rows)
    lanes = search.lanes(search.placements(study))
    assert [lane for _, lane in lanes] == [0, 1, 1, 0, 1, 2]


def test_a_trial_that_went_on_elsewhere_has_a_stay_in_each_place(tmp_path):
    study = make_study(tmp_path, [row("t0", "completed", ended_s=4.5)])
    (trial,), nodes = study.trials, ("one", "one", "two", "two")
    curve = [
        dataclasses.replace(evaluation, node=node, gpus="0")
        for evaluation, node in zip(trial.curve, nodes, strict=True)
    ]
    moved = dataclasses.replace(trial, curve=tuple(curve))
    placements = search.placements(dataclasses.replace(study, trials=(moved,)))
    assert [(s.node, s.gpus, s.began_s, s.ended_s) for s in placements] == [
        ("one", "0", 1.0, 2.0),
        ("two", "0", 2.0, 4.5),
    ]
    assert search.lanes(placements) == [("one", 0), ("two", 0)]


def test_importance_finds_what_matters(tmp_path):
    rows = [
        row(f"t{i}", "completed", x=x, y=y, error=10 * abs(y) + 0.01 * x, price=x)
        for i, (x, y) in enumerate((0.5 + i % 5, (i * 0.37) % 2 - 1) for i in range(40))
    ]
    of_error, of_price, of_front = search.importances(make_study(tmp_path, rows))
    assert (of_error.target, of_error.trials) == ("error", 40)
    assert of_error.shares["y"] > 0.9
    assert of_price.shares["x"] > 0.9
    assert of_front.target == "rank among the fronts"
    assert sum(of_front.shares.values()) == pytest.approx(1.0)


def test_importance_rests_on_first_evaluations_where_few_are_complete(tmp_path):
    rows = [
        row(f"t{i}", "completed" if i < 5 else "stopped", y=i / 20, error=i + 1.0)
        for i in range(20)
    ]
    (first, *_) = search.importances(make_study(tmp_path, rows))
    assert (first.target, first.trials) == ("error at the first evaluation", 20)
    assert search.importances(make_study(tmp_path, rows[:5], name="few")) == []
