"""The statistics against closed forms and scipy; the words against planted effects."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from support.planted_confirmations import confirmation, trial

from study.analysis.comparison import arms, compare, comparisons, value_at, verdict


def test_the_interval_is_the_paired_t_interval_of_log_ratios():
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.normal(1.0, 0.2, 7)), np.exp(rng.normal(0.9, 0.2, 7))
    found = compare(a, b, margin=0.02)
    logs = np.log(a / b)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert [math.log(found["low"]), math.log(found["high"])] == pytest.approx(list(expected))
    assert found["ratio"] == pytest.approx(np.exp(logs.mean()))
    assert found["mean"] == pytest.approx(stats.gmean(a))
    assert found["n"] == 7


@pytest.mark.parametrize("n", [3, 5, 12])
def test_an_effect_as_large_as_the_detectable_one_is_seen_four_times_in_five(n):
    """By simulation: the power of the t-test at that effect, and false alarms without one."""
    rng, sigma = np.random.default_rng(n), 0.1
    half = stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)
    effect = half * sigma / math.sqrt(n)
    seen, false = 0, 0
    for _ in range(2000):
        noise = rng.normal(0, sigma, n)
        seen += compare(np.exp(effect + noise), np.ones(n), 0.0)["result"] == "higher"
        false += compare(np.exp(noise), np.ones(n), 0.0)["result"] in ("higher", "lower")
    assert 0.74 < seen / 2000 < 0.88
    assert 0.035 < false / 2000 < 0.065


def test_equal_needs_the_equivalence_test():
    close = [1.001, 0.999, 1.002, 0.998, 1.0]
    assert compare(close, [1.0] * 5, margin=0.02)["result"] == "equal"
    # one-sided tests at 5 %: equal just when the 90 % interval lies within the margin
    logs = np.log(close)
    half = stats.t.ppf(0.95, 4) * logs.std(ddof=1) / math.sqrt(5) + abs(logs.mean())
    assert compare(close, [1.0] * 5, margin=math.expm1(half * 1.01))["result"] == "equal"
    assert compare(close, [1.0] * 5, margin=math.expm1(half * 0.99))["result"] == "open"


def test_results():
    base = [1.0] * 5
    assert compare([1.3, 1.31, 1.29, 1.3, 1.32], base, 0.02)["result"] == "higher"
    assert compare([0.7, 0.71, 0.69, 0.7, 0.72], base, 0.02)["result"] == "lower"
    assert compare([1.5, 0.7, 1.1, 0.9, 1.2], base, 0.02)["result"] == "open"
    # sure, but smaller than what counts
    assert compare([1.01, 1.0101, 1.0099, 1.01, 1.01], base, 0.02)["result"] == "equal"


def test_what_is_missing_has_no_say():
    found = compare([2.0, math.nan, 2.2], [1.0, 1.0, 1.0], 0.02)
    assert found["n"] == 2
    assert compare([2.0], [1.0], 0.02)["result"] == "open"
    nothing = compare([math.nan], [1.0], 0.02)
    assert (nothing["n"], nothing["result"]) == (0, "open")


def test_arms_are_found_by_their_settings():
    found = arms(confirmation(0.5, 10.0))
    assert {name: sorted(arm.trials) for name, arm in found.items()} == {
        "the treated": [0, 1, 2, 3, 4],
        "bare": [0, 1, 2, 3, 4],
    }


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
    assert found["error at equal time"].ratio == pytest.approx(0.8 * 10**0.5, rel=0.05)
    assert found["work_s"].result == "higher"
    text = verdict(record)
    assert "at equal rounds the cure helps (error 0.8" in text
    assert "at equal total time the cure hurts (2.5" in text
    assert "Work in s, the treated: more (20" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (1.2, "at equal rounds the cure hurts"),
        (1.0, "at equal rounds the cure makes no difference beyond 2%"),
    ],
)
def test_the_words_say_what_the_figures_say(error, words):
    record = confirmation(error, 10.0)
    assert words in verdict(record)


def test_no_evidence_says_what_would_have_been_seen():
    """Three seeds that differ by much more than their mean does."""
    record = confirmation(1.0, 10.0, seeds=3)
    scattered = [
        dataclasses.replace(t, metrics={**t.metrics, "error": t.metrics["error"] * (1 + t.number)})
        for t in record.trials
    ]
    record = dataclasses.replace(record, trials=tuple(scattered))
    text = verdict(record)
    assert "there is no evidence for or against the cure (error" in text
    assert "% would have been seen" in text


def test_a_seed_that_failed_is_named():
    record = confirmation(0.8, 10.0)
    assert "unstable" not in verdict(record)
    broken = [
        dataclasses.replace(t, metrics={**t.metrics, "error": 40.0})
        if t.parameters == {"treated": "yes", "seed": 3}
        else t
        for t in record.trials
    ]
    text = verdict(dataclasses.replace(record, trials=tuple(broken)))
    assert "The treated is unstable: 1 of 5 seeds ended with error up to 40" in text


def test_a_confirmation_in_which_nothing_ended_well_says_so():
    record = dataclasses.replace(confirmation(1.0, 10.0), trials=())
    assert "no seed has ended well in both" in verdict(record)
