"""What a confirmation shows: each condition against its baseline, paired by seed.

Quality and times are compared as ratios, by t-intervals on their logarithms. A seed that failed
counts against its condition. What is said of it in words is made in
:mod:`study.page.verdict_text`.

The error is shared out over all comparisons and all looks (:mod:`study.analysis.sequential`): where
nothing differs, 19 in 20 verdicts are free of any false direction. Half of it goes to the quality
of the first pair's condition against its baselines, a quarter to the same at equal time, since the
verdict leads with these; the other comparisons share the last quarter evenly. Where quality is
judged by a second measure too, it takes a fifth of the error, and leaves four fifths to these.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy import stats

from study.analysis.conditions import Condition, conditions_of
from study.analysis.inference import UNKNOWN, Effect, effect, log_ratios, p_within
from study.analysis.intervals import ALPHA, mean_of
from study.analysis.once import once
from study.analysis.sequential import Looks
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Metric

Direction = Literal["lower", "higher", "open"]
"""On which side of its baseline a condition surely lies."""

Size = Literal["within", "beyond", "open"]
"""Whether a difference is surely smaller than the margin, surely larger, or neither."""

OPEN: Literal["open"] = "open"
"""What is not sure, yet."""

EQUAL_TIME = "at equal time"
FAILURES = "failed seeds"

SHARES = {"quality": 0.5, "at equal time": 0.25, "others": 0.25}
"""How the error is shared out: the first two are of the condition that the verdict leads with."""

SECOND = 0.2
"""The share of the error that the second measure of its quality takes, where there is one."""

LEAST_PAIRS = 3
"""Pairs of seeds that ended well below which nothing is decided."""


@dataclass(frozen=True)
class Comparison:
    """One metric of a condition against the same metric of its baseline.

    Attributes:
        condition, baseline: their names.
        metric: its name; ``… at equal time`` where both are read at the same total time, and
            ``failed seeds`` for the share of seeds that failed.
        seeds: the seeds that it rests on: those of the look that decided it, or of the last one.
        failed, baseline_failed: those among them for which the one or the other has no value.
        effect: the ratio of the condition to its baseline over the other seeds. Its interval is the
            one that decides the direction: it holds for all looks and comparisons together.
        confidence: of that interval.
        margin: the relative difference within which the two count as equal.
        direction, size: what is surely so.
    """

    condition: str
    baseline: str
    metric: str
    seeds: tuple[int, ...]
    failed: tuple[int, ...]
    baseline_failed: tuple[int, ...]
    effect: Effect
    confidence: float
    margin: float
    direction: Direction
    size: Size

    @property
    def is_decided(self) -> bool:
        """Whether more seeds would change nothing that matters."""
        return self.direction != OPEN or self.size == "within"

    def side(self, metric: Metric) -> Literal["better", "worse", "open"]:
        """Return on which side of its baseline the condition surely is, by a metric with a goal."""
        if self.direction == OPEN:
            return "open"
        higher_is_better = metric.goal == "max"
        return "better" if (self.direction == "higher") == higher_is_better else "worse"


@dataclass(frozen=True)
class Pairs:
    """A metric of two conditions, seed by seed, as columns.

    Attributes:
        better: the side on which a condition is the better one.
        values, baseline_values: NaN where a condition has no value.
        delays: for values at equal time, how late the condition's first value comes: the logarithm
            of its time over the time at which the baseline has ended.
        baseline_delays: the same with the two exchanged.
    """

    condition: str
    baseline: str
    metric: str
    margin: float
    better: Direction
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    baseline_values: tuple[float, ...]
    delays: tuple[float, ...] = ()
    baseline_delays: tuple[float, ...] = ()

    def first(self, count: int) -> "Pairs":
        """Return the first seeds alone."""
        columns = ("seeds", "values", "baseline_values", "delays", "baseline_delays")
        return dataclasses.replace(self, **{name: getattr(self, name)[:count] for name in columns})

    @property
    def failed(self) -> tuple[int, ...]:
        """The seeds for which the condition has no value."""
        return self._without(self.values)

    @property
    def baseline_failed(self) -> tuple[int, ...]:
        """The seeds for which its baseline has no value."""
        return self._without(self.baseline_values)

    def _without(self, values: Sequence[float]) -> tuple[int, ...]:
        return tuple(s for s, v in zip(self.seeds, values, strict=True) if not math.isfinite(v))

    @property
    def worse(self) -> Direction:
        """The side on which a condition is the worse one."""
        return "higher" if self.better == "lower" else "lower"


def judge(pairs: Pairs, looks: Looks, share: float) -> Comparison:
    """Return what the first look that decides shows, or the last look; without one nothing.

    Args:
        share: the share of the verdict's error that this comparison may spend.
    """
    decide = _decide_failures if pairs.metric == FAILURES else _decide
    at_look, level = pairs.first(0), ALPHA * share
    direction: Direction = OPEN
    size: Size = OPEN
    # each of the two one-sided tests of the size may err as often as a two-sided one on one side
    both = (looks.up_to_now(len(pairs.seeds), error) for error in (ALPHA * share, 2 * ALPHA))
    for (seeds, level), (_, two_sided) in zip(*both, strict=True):
        at_look = pairs.first(seeds)
        direction, size = decide(at_look, level, two_sided / 2)
        if direction != OPEN or size == "within":
            break
    return _comparison(at_look, direction, size, level)


def _decide(pairs: Pairs, level: float, size_level: float) -> tuple[Direction, Size]:
    """Decide on ratios: the direction by the t-interval of their logarithms, the size by two tests.

    The size is judged by two one-sided tests (Schuirmann 1987) at ``size_level``. A condition that
    failed more often than the other is neither the better one nor equal to it. One that surely has
    no value yet, at equal time, is the worse one.
    """
    logs, _ = log_ratios(pairs.values, pairs.baseline_values)
    least = max(LEAST_PAIRS, len(pairs.seeds) / 2)
    if len(logs) < least:
        for delays, side in ((pairs.delays, pairs.worse), (pairs.baseline_delays, pairs.better)):
            known = [delay for delay in delays if math.isfinite(delay)]
            if len(known) >= least and mean_of(known).interval(1 - level)[0] > 0:
                return side, OPEN
        return OPEN, OPEN
    mean = mean_of(logs)
    low, high = mean.interval(1 - level)
    direction: Direction = "lower" if high < 0 else "higher" if low > 0 else OPEN
    lost, won = len(pairs.failed), len(pairs.baseline_failed)
    if (direction == pairs.better and lost > won) or (direction == pairs.worse and won > lost):
        direction = OPEN
    limit = math.log1p(pairs.margin)
    if lost == won and p_within(mean, limit) < size_level:
        return direction, "within"
    beyond = direction != OPEN and min(abs(low), abs(high)) > limit
    return direction, "beyond" if beyond else OPEN


def _decide_failures(pairs: Pairs, level: float, _: float) -> tuple[Direction, Size]:
    """Decide on failures by the exact test of McNemar (1947): seeds for which one alone failed."""
    lost = len(set(pairs.failed) - set(pairs.baseline_failed))
    won = len(set(pairs.baseline_failed) - set(pairs.failed))
    if lost + won and stats.binomtest(lost, lost + won).pvalue < level:
        return ("higher" if lost > won else "lower"), OPEN
    return OPEN, OPEN


def _comparison(pairs: Pairs, direction: Direction, size: Size, level: float) -> Comparison:
    logs, means = log_ratios(pairs.values, pairs.baseline_values)
    if pairs.metric == FAILURES:  # a count, which has no ratio
        logs, means = [], UNKNOWN
    shown = effect(logs, means, tests=ALPHA / level)
    if len(logs) > 1:
        low, high = mean_of(logs).interval(1 - level)
        top = math.exp(high) if high < 700 else math.inf  # beyond it floats overflow
        shown = dataclasses.replace(shown, low=math.exp(low), high=top)
    return Comparison(
        condition=pairs.condition,
        baseline=pairs.baseline,
        metric=pairs.metric,
        seeds=pairs.seeds,
        failed=pairs.failed,
        baseline_failed=pairs.baseline_failed,
        effect=shown,
        confidence=1 - level,
        margin=pairs.margin,
        direction=direction,
        size=size,
    )


@once
def comparisons(confirmation: StudyRecord) -> list[Comparison]:
    """Return the comparisons of all pairs of a confirmation, those of the first pair first."""
    columns = _columns(confirmation)
    looks, judges = looks_of(confirmation), judges_of(confirmation)
    groups = [_group(pairs, columns[0].condition, judges) for pairs in columns]
    sizes = SHARES
    if len(judges) > 1:
        sizes = {name: size * (1 - SECOND) for name, size in SHARES.items()} | {"second": SECOND}
    shares = [sizes[group] / groups.count(group) for group in groups]
    return [judge(pairs, looks, share) for pairs, share in zip(columns, shares, strict=True)]


def _group(pairs: Pairs, leading: str, judges: Sequence[str]) -> str:
    """Return which part of the error a comparison shares in."""
    if pairs.condition != leading:
        return "others"
    metric = pairs.metric.removesuffix(f" {EQUAL_TIME}")
    if metric not in judges:
        return "others"
    if metric != judges[0]:
        return "second"
    return "quality" if pairs.metric == metric else EQUAL_TIME


def judges_of(confirmation: StudyRecord) -> tuple[str, ...]:
    """Return the metrics by which quality is judged: the one that leads, and a second if any."""
    info = confirmation.info
    return (info["compared"][0], *info.get("second_judges", ()))


def looks_of(confirmation: StudyRecord) -> Looks:
    """Return the looks of a confirmation; one at all its seeds if it was begun without a plan."""
    if "looks" in confirmation.info:
        return Looks(tuple(confirmation.info["looks"]))
    seeds = {trial.parameters.get("seed", trial.seed) for trial in confirmation.trials}
    return Looks((max(1, len(seeds)),))


def _columns(confirmation: StudyRecord) -> list[Pairs]:
    """Return what is compared: the quality and the failures of all pairs, the rest of the first."""
    info, found = confirmation.info, []
    conditions = conditions_of(confirmation)
    for place, names in enumerate(info["pairs"]):
        a, b = (conditions[name] for name in names)
        seeds = tuple(sorted(a.ended & b.ended))
        for quality in judges_of(confirmation):
            found += [
                _pairs(confirmation, a, b, quality, seeds),
                _at_equal_time(confirmation, a, b, quality, seeds),
            ]
        if place == 0:
            found += [_pairs(confirmation, a, b, name, seeds) for name in info["compared"][1:]]
        both = (tuple(1.0 if s in c.trials else math.nan for s in seeds) for c in (a, b))
        found.append(Pairs(a.name, b.name, FAILURES, 0.0, "lower", seeds, *both))
    return found


def _pairs(
    confirmation: StudyRecord, a: Condition, b: Condition, name: str, seeds: tuple[int, ...]
) -> Pairs:
    metric = confirmation.problem.metric(name)
    values, baseline_values = (tuple(c.values(name, seeds)) for c in (a, b))
    better: Direction = "higher" if metric.goal == "max" else "lower"
    return Pairs(a.name, b.name, name, metric.margin, better, seeds, values, baseline_values)


def _at_equal_time(
    confirmation: StudyRecord, a: Condition, b: Condition, quality: str, seeds: tuple[int, ...]
) -> Pairs:
    """Return a quality of both conditions when the one that ends first has ended."""
    clock = confirmation.info["time_axis"]
    pairs = _pairs(confirmation, a, b, quality, seeds)
    read = [_at_first_end(a.trials.get(seed), b.trials.get(seed), quality, clock) for seed in seeds]
    values, baseline_values, delays, baseline_delays = zip(*read, strict=True) if read else [()] * 4
    return dataclasses.replace(
        pairs,
        metric=f"{quality} {EQUAL_TIME}",
        values=values,
        baseline_values=baseline_values,
        delays=delays,
        baseline_delays=baseline_delays,
    )


def _at_first_end(
    a: TrialRecord | None, b: TrialRecord | None, quality: str, clock: str
) -> tuple[float, float, float, float]:
    """Return both qualities when the first of two trials ends, and how late each one's first is.

    None stands for a trial that failed. The other then has its last value, and so have both where
    seconds are not known.
    """
    seconds = [e.metrics.get(clock, 0.0) for t in (a, b) if t is not None for e in t.curve]
    if a is None or b is None or min(seconds, default=0.0) <= 0:
        last_a, last_b = (
            math.nan if t is None else t.metrics.get(quality, math.nan) for t in (a, b)
        )
        return last_a, last_b, math.nan, math.nan
    end_a, end_b = a.metrics[clock], b.metrics[clock]
    at_a, at_b = (value_at(trial, quality, clock, min(end_a, end_b)) for trial in (a, b))
    first_a, first_b = (trial.curve[0].metrics[clock] for trial in (a, b))
    return at_a, at_b, math.log(first_a / end_b), math.log(first_b / end_a)


def table(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return the lines of ``confirm.csv``, one per comparison."""
    return [
        {
            "condition": c.condition,
            "baseline": c.baseline,
            "metric": c.metric,
            "seeds": len(c.seeds),
            "failed": len(c.failed),
            "baseline_failed": len(c.baseline_failed),
            **dataclasses.asdict(c.effect),
            "confidence": c.confidence,
            "margin": c.margin,
            "direction": c.direction,
            "size": c.size,
        }
        for c in found
    ]


def value_at(trial: TrialRecord, metric: str, clock: str, seconds: float) -> float:
    """Return a metric when ``clock`` stood at ``seconds``.

    Between evaluations its logarithm is taken as linear in time. NaN before the first evaluation
    and after the last, and where it has no logarithm.
    """
    known = [e.metrics for e in trial.curve if e.metrics.get(metric, 0.0) > 0]
    points = [(metrics[clock], metrics[metric]) for metrics in known]
    for (t0, v0), (t1, v1) in itertools.pairwise(points):
        if t0 <= seconds <= t1:
            share = (seconds - t0) / (t1 - t0)
            return math.exp(math.log(v0) + share * (math.log(v1) - math.log(v0)))
    return math.nan
