"""The anytime front, against a computation that looks at every moment."""

import dataclasses
import itertools
import math
import statistics

import numpy as np
import pytest
from support.planted_confirmations import confirmation, curve, trial

from study.analysis.anytime import (
    Reached,
    Stretch,
    confirmed_curves,
    evaluations,
    front,
    seconds_so_far,
    stretches,
)


def random_points(rng, count=40):
    """Points on a coarse grid, so that seconds and qualities coincide."""
    return [
        Reached(float(s), float(q), str(i))
        for i, (s, q) in enumerate(rng.integers(1, 15, (count, 2)))
    ]


def best_until(points, seconds, direction):
    best = min if direction == "min" else max
    return best((p.quality for p in points if p.seconds <= seconds), default=None)


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_the_best_of_all_that_came_before(direction, seed):
    points = random_points(np.random.default_rng(seed))
    found = front(points, direction)
    for seconds in np.arange(0.5, 16, 0.5):
        reached = [p.quality for p in found if p.seconds <= seconds]
        assert (reached[-1] if reached else None) == best_until(points, seconds, direction)
    assert set(found) <= set(points)
    assert len({p.quality for p in found}) == len({p.seconds for p in found}) == len(found)


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("seed", range(20))
def test_who_leads_at_every_moment(direction, seed):
    rng = np.random.default_rng(seed)
    a, b = random_points(rng, 12), random_points(rng, 12)
    found = stretches(front(a, direction), front(b, direction), direction, margin=0.3)
    first_s = min(p.seconds for p in (*a, *b))
    assert found[0].begin_s == first_s
    assert found[-1].end_s == math.inf
    for one, following in itertools.pairwise(found):
        assert one.end_s == following.begin_s
        assert one.leader != following.leader
    for seconds in np.arange(first_s, 16, 0.5):
        (here,) = (s for s in found if s.begin_s <= seconds < s.end_s)
        values = [best_until(points, seconds, direction) for points in (a, b)]
        assert here.leader == leader(*values, direction, 0.3)


def leader(a, b, direction, margin):
    if a is None or b is None:
        return "second" if a is None else "first"
    if abs(math.log(a / b)) <= math.log1p(margin) + 1e-12:
        return "neither"
    return "first" if (a < b) == (direction == "min") else "second"


def test_of_nothing_there_is_no_front():
    assert front([], "min") == []
    assert stretches([], [], "min", 0.1) == []
    only = [Reached(2.0, 1.0, "a")]
    assert stretches(only, [], "min", 0.1) == [Stretch(2.0, math.inf, "first")]


def test_seconds_are_those_of_all_work():
    record = confirmation(0.8, 20.0)
    work, *_ = (m for m in record.problem.metrics if m.cost == "so far")
    fit = dataclasses.replace(work, name="fit_s")
    problem = dataclasses.replace(record.problem, metrics=(*record.problem.metrics, fit))
    assert seconds_so_far(problem, {"work_s": 2.0, "fit_s": 3.0, "price": 9.0}) == 5.0
    assert seconds_so_far(problem, {"work_s": 2.0}) == 2.0
    assert math.isnan(seconds_so_far(problem, {"price": 9.0}))


def test_evaluations_need_a_quality_and_a_time():
    record = confirmation(0.8, 20.0, seeds=1)
    timeless = dataclasses.replace(
        trial(7, "no", 1, 1.0, 8.0), curve=curve([(0.0, 5.0), (4.0, 2.0)])
    )
    study = dataclasses.replace(record, trials=(*record.trials, timeless))
    assert len(evaluations(study)) == 4 + 4 + 1
    assert evaluations(study)[-1] == Reached(4.0, 2.0, "7")


def test_the_curves_of_a_confirmation_are_means_over_seeds():
    record = confirmation(0.8, 20.0, seeds=6, failed=[2], noise=0.2)
    found = confirmed_curves(record)
    assert list(found) == ["the treated", "bare"]
    assert [p.seeds for p in found["the treated"]] == [5] * 4
    ends = [
        t.metrics["error"]
        for t in record.trials
        if t.parameters["treated"] == "yes" and t.status == "completed"
    ]
    last = found["the treated"][-1]
    assert last.quality == pytest.approx(statistics.geometric_mean(ends))
    half = 2.776 * statistics.stdev(map(math.log, ends)) / math.sqrt(5)  # t of 4 degrees
    assert last.low == pytest.approx(last.quality * math.exp(-half), rel=1e-3)
    assert last.high == pytest.approx(last.quality * math.exp(half), rel=1e-3)
    assert last.seconds == pytest.approx(20, rel=0.01)


def test_one_seed_has_no_curve():
    assert confirmed_curves(confirmation(0.8, 20.0, seeds=1)) == {}
