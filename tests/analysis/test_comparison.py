"""Comparisons against closed forms and scipy, and against planted effects."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from support.planted_confirmations import confirmation, trial

from study.analysis.comparison import (
    EQUAL_TIME,
    FAILURES,
    Pairs,
    comparisons,
    judge,
    table,
    value_at,
)
from study.analysis.sequential import Looks

ONE_LOOK = Looks.up_to(4)


def pairs(values, baseline=None, margin=0.1, **more):
    baseline = [1.0] * len(values) if baseline is None else baseline
    seeds = tuple(range(len(values)))
    return Pairs("a", "b", "error", margin, "lower", seeds, tuple(values), tuple(baseline), **more)


def judged(*args, share=1.0, **more):
    return judge(pairs(*args, **more), ONE_LOOK, share)


def test_the_interval_is_the_paired_t_interval_at_its_share_of_the_error():
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.normal(1.0, 0.2, 4)), np.exp(rng.normal(0.9, 0.2, 4))
    found = judged(a, b, share=0.25)
    assert found.confidence == pytest.approx(1 - 0.05 * 0.25 * 0.9)
    logs = np.log(a / b)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(found.confidence)
    assert [math.log(found.effect.low), math.log(found.effect.high)] == pytest.approx(
        list(expected)
    )
    assert found.effect.ratio == pytest.approx(np.exp(logs.mean()))
    assert found.effect.mean == pytest.approx(stats.gmean(a))
    assert found.effect.n == 4


def test_no_difference_needs_the_equivalence_tests():
    close = [1.001, 0.999, 1.002, 0.998]
    # one-sided tests at 5 % of the look's share: within just when that interval lies in the margin
    logs = np.log(close)
    half = stats.t.isf(0.05 * 0.9, 3) * logs.std(ddof=1) / math.sqrt(4) + abs(logs.mean())
    assert judged(close, margin=math.expm1(half * 1.01)).size == "within"
    assert judged(close, margin=math.expm1(half * 0.99)).size == "open"


def test_direction_and_size_are_judged_apart():
    def answer(values):
        found = judged(values)
        return found.direction, found.size

    assert answer([1.3, 1.31, 1.29, 1.3]) == ("higher", "beyond")
    assert answer([0.7, 0.71, 0.69, 0.7]) == ("lower", "beyond")
    assert answer([1.08, 1.11, 1.1, 1.14]) == ("higher", "open")
    assert answer([1.5, 0.7, 1.1, 0.9]) == ("open", "open")
    assert answer([1.03, 0.98, 1.01, 0.97]) == ("open", "within")
    assert answer([1.01, 1.0101, 1.0099, 1.01]) == ("higher", "within")


def test_the_condition_that_leads_has_three_quarters_of_the_error():
    record = confirmation(1.0, 10.0, seeds=4, noise=0.5)
    (level,) = [level for n, level in Looks.up_to(16).up_to_now(4, 0.05 * 0.5)]
    found = {c.metric: 1 - c.confidence for c in comparisons(record)}
    assert found["error"] == pytest.approx(level)
    assert found[f"error {EQUAL_TIME}"] == pytest.approx(level / 2, rel=1e-3)
    assert found["work_s"] == found[FAILURES] == pytest.approx(level / 4, rel=1e-3)


def test_a_second_measure_takes_a_fifth_of_the_error():
    record = confirmation(1.0, 10.0, seeds=4, noise=0.5, harm=1.0, harm_noise=0.5)
    levels = {share: Looks.up_to(16).up_to_now(4, 0.05 * share)[0][1] for share in (0.4, 0.2, 0.1)}
    found = {c.metric: 1 - c.confidence for c in comparisons(record)}
    assert found["error"] == pytest.approx(levels[0.4])
    assert found[f"error {EQUAL_TIME}"] == pytest.approx(levels[0.2])
    assert found["harm"] == found[f"harm {EQUAL_TIME}"] == pytest.approx(levels[0.1])
    assert found["work_s"] == found[FAILURES] == pytest.approx(levels[0.1])


def test_a_comparison_stops_at_the_look_that_decides_it():
    """What later seeds say changes nothing: the look that had been announced has decided."""
    clear, late = [1.3, 1.31, 1.29, 1.3], [0.7] * 2
    found = judge(pairs(clear + late), Looks.up_to(6), 1.0)
    assert found.direction == "higher"
    assert found.seeds == (0, 1, 2, 3)
    open_at_first = judge(pairs([1.5, 0.7, 1.1, 0.9, 1.2, 1.0]), Looks.up_to(6), 1.0)
    assert open_at_first.seeds == (0, 1, 2, 3, 4, 5)


def test_before_the_first_look_nothing_is_said():
    found = judge(pairs([1.3, 1.31, 1.29]), Looks.up_to(6), 1.0)
    assert (found.direction, found.size, found.seeds) == ("open", "open", ())


def test_two_seeds_decide_nothing():
    assert judge(pairs([12.0, 12.1]), Looks.up_to(2), 1.0).direction == "open"


def test_two_pairs_have_an_interval_without_an_upper_end():
    found = judge(pairs([1.0, 2.0, math.nan, math.nan]), Looks.up_to(16), 0.01)
    assert (found.effect.low, found.effect.high) == (0.0, math.inf)


def test_failed_seeds_count_against_their_condition():
    """Three of five died; the two that lived look better: that does not make it better."""
    lived = [0.80, 0.801, math.nan, math.nan, math.nan]
    found = judge(pairs(lived), Looks.up_to(5), 1.0)
    assert found.direction == "open"
    assert found.failed == (2, 3, 4)
    one_died = [0.80, 0.801, 0.799, 0.8, math.nan]
    assert judge(pairs(one_died), Looks.up_to(5), 1.0).direction == "lower"  # decided at four
    first_died = [math.nan, 0.801, 0.799, 0.8, 0.8]
    assert judge(pairs(first_died), Looks.up_to(5), 1.0).direction == "open"
    # the other way round they speak for it
    worse = [1.2, 1.201, 1.199, math.nan]
    assert judged(worse).direction == "higher"
    equal = [1.0, 1.001, 0.999, math.nan]
    assert judged(equal).size == "open"


def test_failures_are_compared_by_an_exact_test():
    record = confirmation(1.0, 10.0, seeds=16, failed=range(13))
    found = {c.metric: c for c in comparisons(record)}[FAILURES]
    assert found.direction == "higher"
    few = confirmation(1.0, 10.0, seeds=16, failed=[1, 7, 9])
    assert {c.metric: c for c in comparisons(few)}[FAILURES].direction == "open"


def test_a_curve_is_read_between_evaluations():
    t = trial(0, "yes", 0, 1.0, 10.0)
    assert value_at(t, "error", "work_s", 10.0) == pytest.approx(1.0)
    assert value_at(t, "error", "work_s", 6.0) == pytest.approx(10**0.4)
    assert math.isnan(value_at(t, "error", "work_s", 2.0))
    assert math.isnan(value_at(t, "error", "work_s", 10.1))
    first = dataclasses.replace(t.curve[0], metrics={**t.curve[0].metrics, "error": 0.0})
    no_logarithm = dataclasses.replace(t, curve=(first, *t.curve[1:]))
    assert math.isnan(value_at(no_logarithm, "error", "work_s", t.curve[0].metrics["work_s"]))


def test_a_slower_cure_can_help_at_equal_epochs_and_hurt_at_equal_time():
    record = confirmation(0.8, 20.0)
    found = {c.metric: c for c in comparisons(record)}
    assert found["error"].direction == "lower"
    assert found[f"error {EQUAL_TIME}"].direction == "higher"
    # half of its time is over when the baseline has ended: half of its decade is missing
    assert found[f"error {EQUAL_TIME}"].effect.ratio == pytest.approx(0.8 * 10**0.5, rel=0.05)
    assert found["work_s"].direction == "higher"


def test_who_has_no_value_yet_when_the_other_has_ended_is_the_worse_one():
    """The treated first has a value after a quarter of 60 s; the bare one has ended after 10."""
    found = {c.metric: c for c in comparisons(confirmation(0.5, 60.0))}[f"error {EQUAL_TIME}"]
    assert found.direction == "higher"
    assert found.effect.n == 0
    assert len(found.failed) == len(found.seeds)


def test_margins_are_those_of_the_problem_whatever_the_noise():
    record = confirmation(1.0, 10.0)
    loud = [
        dataclasses.replace(t, metrics={**t.metrics, "work_s": 10.0 + t.number})
        for t in record.trials
    ]
    for each in (record, dataclasses.replace(record, trials=tuple(loud))):
        margins = {c.metric: c.margin for c in comparisons(each)}
        assert margins["error"] == each.problem.metric("error").margin
        assert margins["work_s"] == each.problem.metric("work_s").margin


def test_a_confirmation_without_a_plan_has_one_look():
    """Those of version 0.1 and 0.2 ran all their seeds."""
    record = confirmation(0.8, 20.0, seeds=5)
    del record.info["looks"]
    assert {len(c.seeds) for c in comparisons(record)} == {5}


def test_the_table_has_a_line_per_comparison():
    lines = table(comparisons(confirmation(0.8, 20.0)))
    assert [line["metric"] for line in lines] == [
        "error",
        f"error {EQUAL_TIME}",
        "work_s",
        FAILURES,
    ]
    assert list(lines[0]) == [
        *("condition", "baseline", "metric", "seeds", "failed", "baseline_failed"),
        *("n", "mean", "baseline_mean", "ratio", "low", "high", "detectable"),
        *("confidence", "margin", "direction", "size"),
    ]
    assert (lines[0]["condition"], lines[0]["direction"]) == ("the treated", "lower")


@pytest.mark.parametrize("deviation", [0.02, 0.06])
def test_without_a_difference_few_verdicts_name_one(deviation):
    """By simulation of whole verdicts; ``benchmarks/verdicts.py`` does it ten thousand times."""
    false = 0
    rng = np.random.default_rng(3)
    for _ in range(200):
        looks = Looks.up_to(16)
        found = [
            judge(pairs(np.exp(rng.normal(0, deviation, 16))), looks, share)
            for share in (0.25, 0.25, 0.25, 0.25)
        ]
        false += any(c.direction != "open" for c in found)
    assert false / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_the_comparisons_of_a_record_are_judged_once(monkeypatch):
    """The page asks for them at several places."""
    judged = []
    monkeypatch.setattr("study.analysis.comparison.judge", lambda *a: judged.append(a))
    record = confirmation(0.8, 10.0)
    comparisons(record)
    once = len(judged)
    comparisons(record)
    assert len(judged) == once > 0
