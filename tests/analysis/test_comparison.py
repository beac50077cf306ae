"""Comparisons against closed forms and scipy, and against planted effects."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from support.planted_confirmations import confirmation, trial

from study.analysis.comparison import compare, comparisons, table, value_at


def test_the_interval_is_the_paired_t_interval_of_log_ratios():
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.normal(1.0, 0.2, 7)), np.exp(rng.normal(0.9, 0.2, 7))
    found, _ = compare(a, b, margin=0.02)
    logs = np.log(a / b)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert [math.log(found.low), math.log(found.high)] == pytest.approx(list(expected))
    assert found.ratio == pytest.approx(np.exp(logs.mean()))
    assert found.mean == pytest.approx(stats.gmean(a))
    assert found.n == 7


@pytest.mark.parametrize("n", [3, 5, 12])
def test_an_effect_as_large_as_the_detectable_one_is_seen_four_times_in_five(n):
    """By simulation: the power of the t-test at that effect, and false alarms without one."""
    rng, sigma = np.random.default_rng(n), 0.1
    half = stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)
    effect = half * sigma / math.sqrt(n)
    seen, false = 0, 0
    for _ in range(2000):
        noise = rng.normal(0, sigma, n)
        seen += compare(np.exp(effect + noise), np.ones(n), 0.0)[1] == "higher"
        false += compare(np.exp(noise), np.ones(n), 0.0)[1] in ("higher", "lower")
    assert 0.74 < seen / 2000 < 0.88
    assert 0.035 < false / 2000 < 0.065


def test_equal_needs_the_equivalence_test():
    close = [1.001, 0.999, 1.002, 0.998, 1.0]
    assert compare(close, [1.0] * 5, margin=0.02)[1] == "equal"
    # one-sided tests at 5 %: equal just when the 90 % interval lies within the margin
    logs = np.log(close)
    half = stats.t.ppf(0.95, 4) * logs.std(ddof=1) / math.sqrt(5) + abs(logs.mean())
    assert compare(close, [1.0] * 5, margin=math.expm1(half * 1.01))[1] == "equal"
    assert compare(close, [1.0] * 5, margin=math.expm1(half * 0.99))[1] == "open"


def test_results():
    base = [1.0] * 5
    assert compare([1.3, 1.31, 1.29, 1.3, 1.32], base, 0.02)[1] == "higher"
    assert compare([0.7, 0.71, 0.69, 0.7, 0.72], base, 0.02)[1] == "lower"
    assert compare([1.5, 0.7, 1.1, 0.9, 1.2], base, 0.02)[1] == "open"
    # sure, but smaller than what counts
    assert compare([1.01, 1.0101, 1.0099, 1.01, 1.01], base, 0.02)[1] == "equal"


def test_what_is_missing_has_no_say():
    assert compare([2.0, math.nan, 2.2], [1.0, 1.0, 1.0], 0.02)[0].n == 2
    # a KID, which is estimated, can be below 0: no ratio
    assert compare([2.0, -0.1, 2.2], [1.0, 1.0, 1.0], 0.02)[0].n == 2
    one, result = compare([2.0], [1.0], 0.02)
    assert (one.ratio, result) == (2.0, "open")
    nothing, result = compare([math.nan], [1.0], 0.02)
    assert (nothing.n, result) == (0, "open")


def test_a_curve_is_read_between_evaluations():
    t = trial(0, "yes", 0, 1.0, 10.0)
    assert value_at(t, "error", "work_s", 10.0) == pytest.approx(1.0)
    assert value_at(t, "error", "work_s", 6.0) == pytest.approx(10**0.4)
    assert math.isnan(value_at(t, "error", "work_s", 2.0))
    assert math.isnan(value_at(t, "error", "work_s", 10.1))


def test_a_slower_cure_can_help_at_equal_epochs_and_hurt_at_equal_time():
    record = confirmation(0.8, 20.0)
    found = {c.metric: c for c in comparisons(record)}
    assert found["error"].result == "lower"
    assert found["error at equal time"].result == "higher"
    # half of its time is over when the baseline has ended: half of its decade is missing
    assert found["error at equal time"].effect.ratio == pytest.approx(0.8 * 10**0.5, rel=0.05)
    assert found["work_s"].result == "higher"


def test_seconds_that_vary_from_run_to_run_count_as_equal():
    """The margin of a time is no smaller than the noise of repeats."""
    record = confirmation(1.0, 10.0)
    margins = {c.metric: c.margin for c in comparisons(record)}
    assert margins["error"] == 0.02
    assert margins["work_s"] == 0.02  # they repeat within half a per cent
    loud = [
        dataclasses.replace(t, metrics={**t.metrics, "work_s": 10.0 + t.number})
        for t in record.trials
    ]
    record = dataclasses.replace(record, trials=tuple(loud))
    assert {c.metric: c.margin for c in comparisons(record)}["work_s"] > 0.2


def test_the_table_has_a_line_per_comparison():
    lines = table(comparisons(confirmation(0.8, 20.0)))
    assert [line["metric"] for line in lines] == ["error", "error at equal time", "work_s"]
    assert list(lines[0]) == [
        *("condition", "baseline", "metric", "n", "mean", "baseline_mean", "ratio", "low", "high"),
        *("detectable", "margin", "result"),
    ]
    assert (lines[0]["condition"], lines[0]["result"]) == ("the treated", "lower")
