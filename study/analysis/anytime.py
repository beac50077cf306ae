"""The anytime trade-off: the best quality that could have been had after so many seconds.

Every evaluation of every trial is a point: the seconds that the trial had worked by then, all parts
of the work counted, and the quality that it had. The front through the points of a search is what
its best settings reach, chosen with hindsight. The curves of a confirmation have no such luck: they
are means over fresh seeds.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from study.analysis.conditions import conditions_of
from study.analysis.intervals import mean_of
from study.results.records import StudyRecord
from study.spec.problem import Problem

Leader = Literal["first", "second", "neither"]


@dataclass(frozen=True)
class Reached:
    """The quality of a trial at an evaluation, and the seconds that it had worked by then."""

    seconds: float
    quality: float
    trial_id: str


@dataclass(frozen=True)
class Stretch:
    """A time in which one front leads another by more than a margin, or neither does.

    Attributes:
        begin_s, end_s: the last one has no end; its ``end_s`` is infinite.
        leader: which front is the better one.
    """

    begin_s: float
    end_s: float
    leader: Leader


@dataclass(frozen=True)
class CurvePoint:
    """The quality of a condition at an evaluation, over its seeds.

    Attributes:
        seconds, quality: geometric means.
        low, high: the 95 % t-interval of the quality's mean, of this evaluation alone.
        seeds: how many seeds it rests on, 2 or more.
    """

    seconds: float
    quality: float
    low: float
    high: float
    seeds: int


def seconds_so_far(problem: Problem, metrics: Mapping[str, Any]) -> float:
    """Return the seconds that a trial had worked at an evaluation; NaN if it reports none.

    It is the sum of all metrics that count seconds ``so far``: with DIP, its fit and the training.
    """
    parts = [metrics[m.name] for m in problem.metrics if m.cost == "so far" and m.name in metrics]
    return sum(parts) if parts else math.nan


def evaluations(study: StudyRecord) -> list[Reached]:
    """Return all evaluations of all trials that have a quality and a time above 0 s."""
    quality = study.problem.objectives[0]
    return [
        Reached(seconds, evaluation.metrics[quality], trial.trial_id)
        for trial in study.trials
        for evaluation in trial.curve
        if (seconds := seconds_so_far(study.problem, evaluation.metrics)) > 0
        and quality in evaluation.metrics
    ]


def front(points: Sequence[Reached], direction: str) -> list[Reached]:
    """Return the points that are better than all that came no later, in the order of time.

    Args:
        direction: ``min`` where a lower quality is the better one, else ``max``.
    """
    sign = 1 if direction == "min" else -1
    found: list[Reached] = []
    for point in sorted(points, key=lambda p: (p.seconds, sign * p.quality)):
        if not found or sign * point.quality < sign * found[-1].quality:
            found.append(point)
    return found


def stretches(
    first: Sequence[Reached], second: Sequence[Reached], direction: str, margin: float
) -> list[Stretch]:
    """Return when which of two fronts leads, from the first time that either has a point.

    A front that has no point yet is behind one that has. Two values whose ratio is within
    1 + ``margin`` count as equal, as do two of which one is not above 0.
    """
    begins = sorted({p.seconds for p in (*first, *second)})
    leaders = [_leader(first, second, at, direction, margin) for at in begins]
    led = itertools.groupby(zip(begins, leaders, strict=True), key=lambda pair: pair[1])
    starts = [(next(run)[0], leader) for leader, run in led]
    ends = [*(begin for begin, _ in starts), math.inf][1:]
    return [Stretch(begin, end, who) for (begin, who), end in zip(starts, ends, strict=True)]


def _leader(
    first: Sequence[Reached],
    second: Sequence[Reached],
    seconds: float,
    direction: str,
    margin: float,
) -> Leader:
    a, b = (
        next((p.quality for p in reversed(points) if p.seconds <= seconds), None)
        for points in (first, second)
    )
    if a is None or b is None:
        return "second" if a is None else "first"
    if min(a, b) <= 0 or max(a, b) <= (1 + margin) * min(a, b):
        return "neither"
    return "first" if (a < b) == (direction == "min") else "second"


def confirmed_curves(confirmation: StudyRecord) -> dict[str, list[CurvePoint]]:
    """Return each condition's quality over time, at the evaluations that two seeds or more have.

    Conditions without such an evaluation are left out, as are values that have no logarithm.
    """
    problem, found = confirmation.problem, {}
    quality = confirmation.info["compared"][0]
    for name, condition in conditions_of(confirmation).items():
        at: dict[int, list[tuple[float, float]]] = {}
        for trial in condition.trials.values():
            for e in trial.curve:
                seconds, value = seconds_so_far(problem, e.metrics), e.metrics.get(quality, 0.0)
                if seconds > 0 and value > 0:
                    at.setdefault(e.resource, []).append((seconds, value))
        points = [_curve_point(values) for _, values in sorted(at.items()) if len(values) > 1]
        if points:
            found[name] = points
    return found


def _curve_point(values: Sequence[tuple[float, float]]) -> CurvePoint:
    seconds, qualities = zip(*values, strict=True)
    mean = mean_of([math.log(value) for value in qualities])
    low, high = mean.interval()
    return CurvePoint(
        seconds=statistics.geometric_mean(seconds),
        quality=math.exp(mean.value),
        low=math.exp(low),
        high=math.exp(high),
        seeds=len(values),
    )
