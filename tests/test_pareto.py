import math

import numpy as np
import pytest

from study.pareto import noise_floor, pareto_front


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
