"""The suspects of grey digits as a table: a row per effect, its interval in a cell."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from study.page.figure_style import axis_title
from study.replication.suspects import CrossedEffect
from study.spec.problem import Problem

LABELS = {
    "range": "value range [0, 1]",
    "norm": "normalised input",
    "lr": "half the DDPM learning rate",
    "prior": "the prior",
}
"""What each factor is called."""


@dataclass(frozen=True)
class SuspectRow:
    """An effect of a factor, or an interaction of several.

    Attributes:
        what: the factor, or the factors with × between.
        ratio, low, high: with its 95 % interval.
        shaded: no ratios; nothing is claimed here.
        n: seeds that it rests on.
    """

    what: str
    ratio: float
    low: float
    high: float
    n: int
    shaded: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class SuspectGroup:
    """The effects of a crossing on a metric."""

    metric: str
    crossing: str
    least_precision: str
    rows: tuple[SuspectRow, ...]


def suspect_groups(effects: Sequence[CrossedEffect], problem: Problem) -> list[SuspectGroup]:
    """Return the table by crossing and metric; effects of fewer than two seeds are left out."""
    known = [each for each in effects if each.effect.n > 1 and math.isfinite(each.effect.high)]
    return [
        SuspectGroup(
            metric=axis_title(problem.metric(metric)),
            crossing=crossing,
            least_precision=f"{least:.0%}",
            rows=tuple(_row(each) for each in group),
        )
        for (crossing, metric, least), group in itertools.groupby(
            known, lambda each: (each.crossing, each.metric, each.least_precision)
        )
    ]


def _row(found: CrossedEffect) -> SuspectRow:
    what = " × ".join(LABELS[factor] for factor in found.factors.split(" × "))
    effect = found.effect
    return SuspectRow(what, effect.ratio, effect.low, effect.high, effect.n)
