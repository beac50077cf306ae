"""What a confirmation shows: each condition against its baseline, paired by seed.

All intervals are t-intervals on the logarithms of ratios. What is said of them in words is made in
:mod:`study.page.verdict_text`.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from study.analysis.conditions import Condition, conditions_of
from study.analysis.inference import MARGIN, Effect, effect, log_ratios
from study.analysis.intervals import CONFIDENCE, mean_of
from study.results.records import StudyRecord, TrialRecord
from study.spec.pareto import noise_floor

Result = Literal["lower", "higher", "equal", "open"]
"""What a comparison has shown; ``equal`` means a difference surely within the margin."""

EQUAL_TIME = "at equal time"


@dataclass(frozen=True)
class Comparison:
    """One metric of a condition against the same metric of its baseline.

    Attributes:
        condition, baseline: their names.
        metric: its name; ``… at equal time`` where both are read at the same total time.
        effect: the ratio of the condition to its baseline.
        margin: the relative difference within which the two count as equal.
        result: what the effect shows, given the margin.
    """

    condition: str
    baseline: str
    metric: str
    effect: Effect
    margin: float
    result: Result


def compare(
    values: Sequence[float], baseline: Sequence[float], margin: float
) -> tuple[Effect, Result]:
    """Return the effect of positive values against others, paired by their order, and its result.

    The result is ``lower`` or ``higher`` by the two-sided 95 % t-interval of the mean log ratio.
    It is ``equal`` by two one-sided tests at 5 % (Schuirmann 1987), whatever the interval says of
    1: a difference that is surely within the margin counts as none.
    """
    logs, means = log_ratios(values, baseline)
    found = effect(logs, means, method="two quantiles")
    found = dataclasses.replace(found, ratio=found.mean / found.baseline_mean)  # of what is shown
    if found.n < 2:
        return found, "open"
    mean = mean_of(logs)
    low, high = mean.interval()
    one_sided = mean.half_width(2 * CONFIDENCE - 1)  # each of the two tests is at 5 %
    if abs(mean.value) + one_sided < math.log1p(margin):
        return found, "equal"
    if high < 0:
        return found, "lower"
    return found, "higher" if low > 0 else "open"


def comparisons(confirmation: StudyRecord) -> list[Comparison]:
    """Return the comparisons of all pairs of a confirmation, in all metrics that it compares."""
    found, info = [], confirmation.info
    conditions = conditions_of(confirmation)
    quality = info["compared"][0]
    margins = {name: _margin(confirmation, name, conditions.values()) for name in info["compared"]}
    for name, baseline_name in info["pairs"]:
        a, b = conditions[name], conditions[baseline_name]
        seeds = sorted(a.trials.keys() & b.trials.keys())
        for metric in info["compared"]:
            values, baseline = a.values(metric, seeds), b.values(metric, seeds)
            found.append(_comparison(a, b, metric, values, baseline, margins[metric]))
            if metric == quality:
                both = [_at_equal_time(a.trials[s], b.trials[s], info) for s in seeds]
                values, baseline = [x for x, _ in both], [y for _, y in both]
                label = f"{metric} {EQUAL_TIME}"
                found.append(_comparison(a, b, label, values, baseline, MARGIN))
    return found


def _comparison(
    condition: Condition,
    baseline: Condition,
    metric: str,
    values: Sequence[float],
    baseline_values: Sequence[float],
    margin: float,
) -> Comparison:
    found, result = compare(values, baseline_values, margin)
    return Comparison(condition.name, baseline.name, metric, found, margin, result)


def table(found: Iterable[Comparison]) -> list[dict[str, Any]]:
    """Return the lines of ``confirm.csv``, one per comparison."""
    return [
        {
            "condition": c.condition,
            "baseline": c.baseline,
            "metric": c.metric,
            **dataclasses.asdict(c.effect),
            "margin": c.margin,
            "result": c.result,
        }
        for c in found
    ]


def _margin(confirmation: StudyRecord, metric: str, conditions: Iterable[Condition]) -> float:
    """Return the margin of a metric: for seconds at least the noise floor of repeats.

    The floor is how each condition's values scatter around their median.
    """
    if confirmation.problem.metric(metric).unit != "s":
        return MARGIN
    scatter = []
    for condition in conditions:
        values = [t.metrics[metric] for t in condition.trials.values() if metric in t.metrics]
        if len(values) > 1:
            middle = statistics.median(values)
            scatter += [value / middle for value in values]
    floor = noise_floor(scatter)
    return max(MARGIN, floor) if math.isfinite(floor) else MARGIN


def _at_equal_time(a: TrialRecord, b: TrialRecord, info: dict[str, Any]) -> tuple[float, float]:
    """Return the quality of both trials when the one that ends first has ended."""
    clock, quality = info["time_axis"], info["compared"][0]
    seconds = min(trial.metrics[clock] for trial in (a, b))
    return value_at(a, quality, clock, seconds), value_at(b, quality, clock, seconds)


def value_at(trial: TrialRecord, metric: str, clock: str, seconds: float) -> float:
    """Return a metric when ``clock`` stood at ``seconds``.

    Between evaluations its logarithm is taken as linear in time. NaN before the first evaluation
    and after the last.
    """
    points = [(e.metrics[clock], e.metrics[metric]) for e in trial.curve if metric in e.metrics]
    for (t0, v0), (t1, v1) in itertools.pairwise(points):
        if t0 <= seconds <= t1:
            share = (seconds - t0) / (t1 - t0)
            return math.exp(math.log(v0) + share * (math.log(v1) - math.log(v0)))
    return math.nan
