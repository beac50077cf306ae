"""The tests against scipy, closed forms and worked examples."""

import math

import numpy as np
import pytest
from scipy import stats

from study.analysis.inference import all_of, differs, equal, holm, paired


def test_an_effect_is_tested_against_the_margin():
    rng = np.random.default_rng(0)
    logs = rng.normal(-0.1, 0.05, 6)
    found = differs("x", list(logs), "lower", 10)
    expected = stats.ttest_1samp(logs, -math.log(1.02), alternative="less")
    assert found.p_for == pytest.approx(expected.pvalue)
    assert found.p_against == pytest.approx(1 - expected.pvalue)
    interval = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert [math.log(found.effect.low), math.log(found.effect.high)] == pytest.approx(
        list(interval)
    )
    higher = differs("x", list(-logs), "higher", 10)
    assert higher.p_for == pytest.approx(found.p_for)


def test_a_small_sure_effect_is_none():
    """Surely 1 % lower: within the margin, so the claim of an effect is refuted."""
    found = differs("x", [-0.01, -0.0101, -0.0099, -0.01, -0.0102], "lower", 10)
    assert found.p_against < 1e-6
    assert found.effect.high < 1


def test_nothing_lost_is_tested_on_the_other_side():
    logs = [-0.01, 0.005, 0.0, -0.005, 0.002]
    found = differs("x", logs, "higher", 10, margin=-0.02)
    expected = stats.ttest_1samp(logs, -math.log(1.02), alternative="greater").pvalue
    assert found.p_for == pytest.approx(expected)
    fell = differs("x", [value - 1 for value in logs], "higher", 10, margin=-0.02)
    assert fell.p_against < 1e-4
    lower = differs("x", [-value for value in logs], "lower", 10, margin=-0.02)
    assert lower.p_for == pytest.approx(found.p_for)


def test_pairs_give_geometric_means_and_drop_what_is_missing():
    found = paired("x", [2.0, 8.0, math.nan], [1.0, 4.0, 3.0], "higher", 10)
    effect = found.effect
    assert (effect.n, effect.mean, effect.baseline_mean) == (2, pytest.approx(4), pytest.approx(2))
    assert effect.ratio == pytest.approx(2)
    assert found.p_for == 0  # both pairs have the very same ratio


def test_a_single_seed_decides_nothing():
    found = paired("x", [9.0], [1.0], "higher", 10)
    assert found.effect.ratio == pytest.approx(9)
    assert math.isnan(found.p_for)
    assert all(map(math.isnan, all_of([found])))


def test_equality_is_two_one_sided_tests():
    rng = np.random.default_rng(1)
    logs = rng.normal(0.002, 0.01, 20)
    found = equal("x", list(logs), 10)
    limit = math.log(1.02)
    expected = max(
        stats.ttest_1samp(logs, limit, alternative="less").pvalue,
        stats.ttest_1samp(logs, -limit, alternative="greater").pvalue,
    )
    assert found.p_for == pytest.approx(expected)
    # outside is looked for on both sides
    assert found.effect.detectable == differs("x", list(logs), "higher", 20).effect.detectable
    far = equal("x", list(logs + 0.2), 10)
    assert far.p_for > 0.99
    assert far.p_against < 1e-6


def test_of_several_parts_the_weakest_speaks_for_and_one_is_enough_against():
    good = differs("x", [0.5, 0.52, 0.48], "higher", 10)
    bad = differs("x", [-0.5, -0.52, -0.48], "higher", 10)
    assert all_of([good, good]) == (good.p_for, 1.0)
    p_for, p_against = all_of([good, bad])
    assert p_for == bad.p_for
    assert p_against == pytest.approx(2 * bad.p_against)


def test_holm_against_a_worked_example():
    """statsmodels' multipletests([0.01, 0.04, 0.03, 0.005], method="holm") gives these."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.5]) == pytest.approx([0.8, 0.8])


def test_what_could_not_be_tested_counts_in_the_correction():
    assert holm([0.02, math.nan]) == pytest.approx([0.04, 1.0])


def test_holm_keeps_false_alarms_in_check():
    """Of ten true hypotheses at least one is rejected in about 5 % of all families."""
    rng = np.random.default_rng(2)
    families = rng.uniform(size=(4000, 10))
    rejected = sum(min(holm(list(family))) <= 0.05 for family in families)
    assert 0.035 < rejected / 4000 < 0.065


@pytest.mark.parametrize("n", [3, 5, 12])
def test_an_effect_as_large_as_the_detectable_one_is_seen_four_times_in_five(n):
    """At the strictest of ten levels, against no margin."""
    rng, sigma, tests = np.random.default_rng(n), 0.1, 10
    unit = [-1.0, 0.0, 1.0] if n == 3 else list(rng.normal(size=n))
    scale = sigma / np.std(unit, ddof=1)
    like_it = differs("x", [scale * u for u in unit], "higher", tests, margin=0.0)
    size = math.log1p(like_it.effect.detectable)
    seen = 0
    for _ in range(2000):
        found = differs("x", list(size + rng.normal(0, sigma, n)), "higher", tests, margin=0.0)
        seen += 2 * found.p_for <= 0.05 / tests
    assert 0.76 < seen / 2000 < 0.84
