"""The looks of a confirmation, and the levels of the tests at each."""

import itertools

import numpy as np
import pytest
from scipy import stats

from study.analysis.sequential import Looks, planned_levels


def test_a_plan_ends_with_the_most_seeds_that_were_asked_for():
    assert Looks.up_to(16).planned == (4, 6, 9, 12, 16)
    assert Looks.up_to(5).planned == (4, 5)
    assert Looks.up_to(2).planned == (2,)


def test_one_look_has_the_whole_error_and_two_together_no_more():
    assert planned_levels((7,), 0.05) == pytest.approx((0.05,))
    first, second = stats.norm.isf(np.array(planned_levels((1, 2), 0.05)) / 2)
    assert first == pytest.approx(stats.norm.isf(0.05 / 4 / 2), abs=1e-6)
    reached = np.random.default_rng(0).normal(size=(400_000, 2)).cumsum(1) / np.sqrt([1, 2])
    assert (np.abs(reached) > [first, second]).any(1).mean() == pytest.approx(0.05, abs=0.0015)


@pytest.mark.parametrize("error", [0.05, 0.0125])
def test_sums_of_noise_leave_their_limits_as_often_as_may_be(error):
    looks = (4, 6, 9, 12, 16)
    limits = stats.norm.isf(np.array(planned_levels(looks, error)) / 2)
    sums = np.random.default_rng(1).normal(size=(300_000, 16)).cumsum(1)
    left = np.abs(sums[:, np.array(looks) - 1] / np.sqrt(looks)) > limits
    first = np.argmax(left, axis=1)[left.any(1)]
    assert left.any(1).mean() == pytest.approx(error, rel=0.05)
    spent = np.bincount(first, minlength=5).cumsum() / len(first)
    assert spent == pytest.approx((np.array(looks) / 16) ** 2, abs=0.03)


def test_few_seeds_have_little_to_spend_and_the_last_ones_most_of_the_error():
    levels = planned_levels((4, 6, 9, 12, 16), 0.05)
    assert list(levels) == sorted(levels)
    assert levels[0] == pytest.approx(0.05 / 16)
    assert 0.6 < levels[-1] / 0.05 < 1


@pytest.mark.parametrize("most", [1, 5, 16, 30])
def test_looks_beyond_the_plan_share_what_is_kept_for_them(most):
    looks = Looks.up_to(most)
    levels = [level for _, level in looks.up_to_now(10_000, 0.05)]
    planned = len(looks.planned)
    assert levels[:planned] == pytest.approx(planned_levels(looks.planned, 0.045))
    assert 0.004 < sum(levels[planned:]) <= 0.005


def test_looks_beyond_the_plan_are_fixed_too():
    """So that nobody can choose them by what the results say."""

    def seeds(most, there):
        return [n for n, _ in Looks.up_to(most).up_to_now(there, 0.05)]

    assert seeds(5, 40) == [4, 5, 6, 9, 12, 16, 24, 36]
    assert seeds(16, 54)[5:] == [24, 36, 54]
    assert all(a < b for a, b in itertools.pairwise(seeds(7, 1000)))


def test_the_next_look_and_the_last():
    looks = Looks.up_to(12)
    assert [looks.after(seeds) for seeds in (0, 4, 5, 11, 12, 23)] == [4, 6, 6, 12, 16, 24]
    assert [looks.last(seeds) for seeds in (4, 5, 11, 12, 23)] == [4, 4, 9, 12, 16]
