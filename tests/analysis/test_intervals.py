"""The statistics of a mean against scipy's t-test and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from study.analysis.intervals import Mean, detectable, mean_of


@pytest.fixture
def values():
    return list(np.random.default_rng(0).normal(0.3, 0.2, 7))


def test_the_interval_is_that_of_the_t_test(values):
    for confidence in (0.9, 0.95):
        expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        assert mean_of(values).interval(confidence) == pytest.approx(tuple(expected))


def test_p_values_are_those_of_the_one_sided_t_test(values):
    mean = mean_of(values)
    for limit in (0.0, 0.25):
        above = stats.ttest_1samp(values, limit, alternative="greater").pvalue
        assert mean.p_above(limit) == pytest.approx(above)
        assert mean.p_below(limit) == pytest.approx(1 - above)


def test_what_does_not_vary_is_certain():
    mean = mean_of([0.5, 0.5])
    assert (mean.p_above(0.4), mean.p_below(0.4), mean.p_above(0.5)) == (0.0, 1.0, 1.0)


def test_detectable_is_where_the_t_test_has_its_power():
    mean, tests, margin = Mean(0.0, 0.05, 4), 3, 0.02
    distance = (math.log1p(detectable(mean, tests, margin)) - math.log1p(margin)) / 0.05
    critical = stats.t.ppf(1 - 0.05 / tests / 2, 4)
    assert stats.nct.sf(critical, 4, distance) == pytest.approx(0.8)


def test_what_nothing_can_detect_is_infinite():
    assert detectable(Mean(0.0, 1e6, 1)) == math.inf


def test_what_two_values_can_detect_at_a_small_level():
    """Beyond 1,000 standard errors the deviation's quantile takes the place of the power."""
    few = Mean(0.0, 1e-6, 1)
    below, above = (detectable(few, tests) for tests in (78.0, 79.0))
    assert below < above < 1.05 * below
