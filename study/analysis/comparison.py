"""What a confirmation shows: paired comparisons over seeds, and the verdict in words.

All intervals are t-intervals on the logarithms of ratios, paired by seed; pure functions of a study
record that bears a confirmation.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from study.results.records import StudyRecord, TrialRecord
from study.spec.pareto import noise_floor
from study.spec.problem import Metric
from study.spec.status import TrialStatus

CONFIDENCE = 0.95
POWER = 0.8  # of the smallest effect that counts as detectable
OUTLIER = 3.0  # times the median: a seed that has failed rather than varied
MARGIN = 0.02  # within it two values count as equal, or within the noise floor if that is larger


@dataclass(frozen=True)
class Comparison:
    """One metric of an arm against the same of its baseline."""

    arm: str
    baseline: str
    metric: str
    """Its name; ``… at equal time`` where both are read at the same total time."""
    n: int
    """Seeds that both arms have a value for."""
    mean: float
    """Geometric, over those seeds, as are the baseline's and the ratio's."""
    baseline_mean: float
    ratio: float
    """Of the arm to its baseline; 1 is no difference."""
    low: float
    high: float
    """The 95 % interval of the ratio."""
    detectable: float
    """The smallest relative difference that would have been seen 4 times in 5."""
    margin: float
    """The relative difference within which the two count as equal."""
    result: str
    """``lower``, ``higher``, ``equal`` (shown to be within the margin) or ``open``."""


def moments(logs: Sequence[float]) -> tuple[float, float, int]:
    """Mean, its standard error, degrees of freedom; of two values or more."""
    error = statistics.stdev(logs) / math.sqrt(len(logs))
    return statistics.fmean(logs), error, len(logs) - 1


def compare(arm: Sequence[float], baseline: Sequence[float], margin: float) -> dict[str, Any]:
    """The figures of a :class:`Comparison`, from positive values paired by their order.

    ``lower`` and ``higher`` by the two-sided 95 % t-interval of the mean log ratio; ``equal`` by
    two one-sided tests at 5 % (Schuirmann 1987), and then whatever the interval says of 1: a
    difference that is surely within the margin is none. Pairs with a NaN have no say.
    """
    pairs = [p for p in zip(arm, baseline, strict=True) if all(map(math.isfinite, p))]
    logs = [math.log(a / b) for a, b in pairs]
    figures: dict[str, Any] = {"n": len(logs), "margin": margin, "result": "open"}
    names = ("mean", "baseline_mean", "ratio", "low", "high", "detectable")
    figures |= dict.fromkeys(names, math.nan)
    if pairs:
        figures["mean"] = statistics.geometric_mean([a for a, _ in pairs])
        figures["baseline_mean"] = statistics.geometric_mean([b for _, b in pairs])
        figures["ratio"] = figures["mean"] / figures["baseline_mean"]
    if len(logs) < 2:
        return figures
    mean, error, freedom = moments(logs)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * error
    one_sided = stats.t.ppf(CONFIDENCE, freedom) * error
    figures["low"], figures["high"] = math.exp(mean - half), math.exp(mean + half)
    figures["detectable"] = math.expm1(half + stats.t.ppf(POWER, freedom) * error)
    if abs(mean) + one_sided < math.log1p(margin):
        figures["result"] = "equal"
    elif mean + half < 0:
        figures["result"] = "lower"
    elif mean - half > 0:
        figures["result"] = "higher"
    return figures


@dataclass(frozen=True)
class Arm:
    """A setting that is run with several seeds."""

    name: str
    trials: dict[int, TrialRecord]
    """By seed; completed ones."""

    def values(self, metric: str, seeds: Sequence[int]) -> list[float]:
        return [self.trials[seed].metrics.get(metric, math.nan) for seed in seeds]


def arms(confirmation: StudyRecord) -> dict[str, Arm]:
    """The arms of a confirmation by name, in its order."""
    made = {}
    for name, settings in confirmation.info["arms"].items():
        trials = {
            int(t.parameters["seed"]): t
            for t in confirmation.with_status(TrialStatus.COMPLETED)
            if {k: v for k, v in t.parameters.items() if k != "seed"} == settings
        }
        made[name] = Arm(name, trials)
    return made


def comparisons(confirmation: StudyRecord) -> list[Comparison]:
    """All pairs of a confirmation, in all the metrics that it compares."""
    found = []
    by_name, info = arms(confirmation), confirmation.info
    quality = info["compared"][0]
    for name, baseline_name in info["pairs"]:
        arm, baseline = by_name[name], by_name[baseline_name]
        seeds = sorted(arm.trials.keys() & baseline.trials.keys())

        def add(metric: str, a: list[float], b: list[float], margin: float) -> None:
            figures = compare(a, b, margin)
            found.append(Comparison(arm.name, baseline.name, metric, **figures))  # noqa: B023

        for metric in info["compared"]:
            margin = MARGIN
            if confirmation.problem.metric(metric).unit == "s":
                margin = max(MARGIN, _noise(list(by_name.values()), metric))
            add(metric, arm.values(metric, seeds), baseline.values(metric, seeds), margin)
            if metric == quality:
                both = [_at_equal_time(arm.trials[s], baseline.trials[s], info) for s in seeds]
                add(f"{metric} at equal time", [a for a, _ in both], [b for _, b in both], MARGIN)
    return found


def _noise(all_arms: list[Arm], metric: str) -> float:
    """The noise floor of repeats, from how each arm's values scatter around their middle."""
    scatter = []
    for arm in all_arms:
        values = [t.metrics[metric] for t in arm.trials.values() if metric in t.metrics]
        if len(values) > 1:
            middle = statistics.median(values)
            scatter += [value / middle for value in values]
    floor = noise_floor(scatter)
    return floor if math.isfinite(floor) else 0.0


def _at_equal_time(a: TrialRecord, b: TrialRecord, info: dict[str, Any]) -> tuple[float, float]:
    """The quality of both when the one that ends first has ended."""
    clock, quality = info["time_axis"], info["compared"][0]
    seconds = min(trial.metrics[clock] for trial in (a, b))
    return value_at(a, quality, clock, seconds), value_at(b, quality, clock, seconds)


def value_at(trial: TrialRecord, metric: str, clock: str, seconds: float) -> float:
    """A metric when ``clock`` stood at ``seconds``: between evaluations its logarithm is linear in
    time; NaN before the first and after the last."""
    points = [(e.metrics[clock], e.metrics[metric]) for e in trial.curve if metric in e.metrics]
    for (t0, v0), (t1, v1) in itertools.pairwise(points):
        if t0 <= seconds <= t1:
            share = (seconds - t0) / (t1 - t0)
            return math.exp(math.log(v0) + share * (math.log(v1) - math.log(v0)))
    return math.nan


def verdict(confirmation: StudyRecord) -> str:
    """One paragraph: does the treatment help, at equal epochs and at equal total time?"""
    info, found = confirmation.info, comparisons(confirmation)
    problem = confirmation.problem
    quality = problem.metric(info["compared"][0])
    by_name = arms(confirmation)
    seeds = max(len(arm.trials) for arm in by_name.values())
    sentences = [f"{seeds} seeds each; ratios of geometric means [95 % interval]."]
    lead = next(c for c in found if c.metric == quality.name)
    answer = _judgement(lead, quality, info["treatment"]) if lead.n else "nothing can be said"
    sentences.insert(0, f"{_capital(answer)} ({lead.arm} against {lead.baseline}).")
    for name, baseline in info["pairs"]:
        pair = {c.metric: c for c in found if (c.arm, c.baseline) == (name, baseline)}
        epochs, time = pair[quality.name], pair[f"{quality.name} at equal time"]
        if not epochs.n:
            sentences.append(
                f"{_capital(name)} against {baseline}: no seed has ended well in both."
            )
            continue
        judged = [_judgement(c, quality, info["treatment"]) for c in (epochs, time)]
        sentences.append(
            f"{_capital(name)} against {baseline}: at equal {problem.resource}s {judged[0]} "
            f"({quality.label} {_figures(epochs)}), at equal total time "
            f"{'too' if judged[0] == judged[1] else judged[1]} ({_figures(time)})."
        )
    sentences += [_outliers(arm, quality) for arm in by_name.values()]
    for name in info["compared"][1:]:
        first, metric = next(c for c in found if c.metric == name), problem.metric(name)
        if metric.unit == "s" and first.n:
            words = f"{_time_text(first)} ({_figures(first)})"
            sentences.append(f"{_capital(metric.label)} in s, {first.arm}: {words}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _outliers(arm: Arm, quality: Metric) -> str:
    """Says when some seeds of an arm end far worse than its middle one: a mean would hide it."""
    values = [t.metrics[quality.name] for t in arm.trials.values() if quality.name in t.metrics]
    if not values:
        return ""
    middle = statistics.median(values)
    sign = 1 if quality.goal == "min" else -1
    far = [v for v in values if v > 0 and sign * math.log(v / middle) > math.log(OUTLIER)]
    if not far:
        return ""
    worst = max(far) if sign > 0 else min(far)
    return (
        f"{_capital(arm.name)} is unstable: {len(far)} of {len(values)} seeds ended with "
        f"{quality.label} up to {worst:.3g}, where the middle one has {middle:.3g}."
    )


def _figures(c: Comparison) -> str:
    """``6.9 against 6.1, ratio 1.13 [1.05, 1.22]``, and what was too small to be seen."""
    figures = f"{c.mean:.3g} against {c.baseline_mean:.3g}"
    if c.n < 2:
        return figures
    figures += f", ratio {c.ratio:.2f} [{c.low:.2f}, {c.high:.2f}]"
    if c.result == "open":
        figures += f"; {c.detectable:.0%} would have been seen"
    return figures


def _judgement(c: Comparison, quality: Metric, treatment: str) -> str:
    better = "lower" if quality.goal == "min" else "higher"
    if c.result == "open":
        return f"there is no evidence for or against {treatment}"
    if c.result == "equal":
        return f"{treatment} makes no difference beyond {c.margin:.0%}"
    return f"{treatment} {'helps' if c.result == better else 'hurts'}"


def _time_text(c: Comparison) -> str:
    return {
        "open": "no evidence of a difference",
        "equal": f"equal within {c.margin:.0%}",
        "lower": "less",
        "higher": "more",
    }[c.result]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
