import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.spec.pareto import noise_floor, pareto_front, ranking


def test_only_undominated_points_are_on_the_front():
    values = [(1, 5), (2, 2), (3, 3), (5, 1), (2, 4)]
    assert pareto_front(values, ["min", "min"]) == [0, 1, 3]


def test_directions():
    values = [(1, 5), (2, 2), (3, 9)]
    assert pareto_front(values, ["min", "max"]) == [0, 2]
    assert pareto_front(values, ["max", "max"]) == [2]


def test_equal_points_are_on_the_front_together():
    assert pareto_front([(1, 1), (1, 1), (2, 1)], ["min", "min"]) == [0, 1]


def test_one_objective_and_none():
    assert pareto_front([(3,), (1,), (2,)], ["min"]) == [1]
    assert pareto_front([], ["min", "min"]) == []


def test_differences_within_the_tolerance_are_none():
    values = [(1, 1.10), (2, 1.00), (3, 0.50)]
    assert pareto_front(values, ["min", "min"]) == [0, 1, 2]
    assert pareto_front(values, ["min", "min"], [0.0, 0.2]) == [0, 2]
    assert pareto_front(values, ["min", "min"], [0.0, math.inf]) == [0]
    assert pareto_front([(1, 1.0), (2, 1.1), (3, 9)], ["min", "max"], [0.0, 0.2]) == [0, 2]


def test_noise_floor_covers_19_of_20_differences():
    rng = np.random.RandomState(0)
    repeats = np.exp(0.05 * rng.randn(2000))
    floor = noise_floor(list(repeats))
    a, b = repeats[:1000], repeats[1000:]
    assert np.mean(np.maximum(a / b, b / a) - 1 < floor) == pytest.approx(0.95, abs=0.02)


def test_noise_floor_withstands_a_disturbed_repeat_and_needs_three():
    assert noise_floor([1.0, 1.01, 0.99, 1.02, 0.98, 5.0]) < 0.15
    assert noise_floor([1.0, 1.1]) == math.inf


def test_ranking_goes_front_by_front():
    values = [(3.0, 3.0), (1.0, 4.0), (2.0, 2.0), (4.0, 1.0), (5.0, 5.0)]
    order = ranking(values, ["min", "min"])
    assert set(order[:3]) == {1, 2, 3}
    assert order[3:] == [0, 4]
    assert ranking(values, ["max", "max"])[0] == 4


def test_within_a_front_the_ends_and_the_lonely_come_first():
    front = [(0.0, 10.0), (1.0, 8.9), (1.2, 8.8), (5.0, 5.0), (10.0, 0.0)]
    assert ranking(front, ["min", "min"]) == [0, 4, 3, 2, 1]


def test_with_one_objective_it_is_the_order():
    assert ranking([(3.0,), (1.0,), (2.0,)], ["min"]) == [1, 2, 0]
    assert ranking([(3.0,), (1.0,), (2.0,)], ["max"]) == [0, 2, 1]


def test_non_dominated_sorting_agrees_with_optunas():
    from optuna.study._multi_objective import _fast_non_domination_rank

    rng = np.random.default_rng(0)
    values = rng.integers(0, 8, size=(60, 3)).astype(float)
    ranks = _fast_non_domination_rank(values)
    order = ranking(values.tolist(), ["min"] * 3)
    assert [ranks[i] for i in order] == sorted(ranks)


numbers = st.floats(allow_nan=True, allow_infinity=True)
directions = st.sampled_from(["min", "max"])


@given(st.lists(st.tuples(numbers, numbers), max_size=12), st.tuples(directions, directions))
def test_what_is_not_finite_is_on_no_front_and_ranks_last(values, ways):
    known = [i for i, row in enumerate(values) if all(map(math.isfinite, row))]
    front = pareto_front(values, ways)
    assert set(front) <= set(known)
    assert bool(front) == bool(known)
    for objectives in (1, 2):
        rows = [row[:objectives] for row in values]
        order = ranking(rows, ways[:objectives])
        assert sorted(order) == list(range(len(values)))
        finite = [all(map(math.isfinite, rows[i])) for i in order]
        assert finite == sorted(finite, reverse=True)


@given(st.lists(numbers, max_size=12))
def test_the_noise_floor_of_anything_is_a_number_of_0_or_more(repeats):
    floor = noise_floor(repeats)
    assert floor >= 0
    usable = [value for value in repeats if 0 < value < math.inf]
    assert math.isinf(floor) or len(usable) >= 3
