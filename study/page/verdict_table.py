"""The verdict as a table: a row per comparison, its interval on an axis that all rows share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from study.analysis.comparison import EQUAL_TIME, Comparison, judges_of
from study.analysis.verdict import PairVerdict, verdict_of
from study.page.figure_style import axis_title
from study.page.numbers import short
from study.results.records import StudyRecord
from study.spec.problem import Metric, Problem

Tone = Literal["good", "bad", "plain", "open"]
"""What a decision means for the condition: better, worse, a difference of neither kind, or none."""


@dataclass(frozen=True)
class Row:
    """A comparison as the table shows it.

    Attributes:
        what: what is compared.
        value, baseline_value: geometric means over seeds, with three digits.
        ratio, low, high: of the condition to its baseline; None where too few seeds allow none.
        shaded: the ratios within which the two count as equal.
        decision: one word, with the size of the difference where that is sure.
        tone: how it is coloured.
        rests_on: the seeds, and how many of them failed.
    """

    what: str
    value: str
    baseline_value: str
    ratio: float | None
    low: float | None
    high: float | None
    shaded: tuple[float, float]
    decision: str
    tone: Tone
    rests_on: str


@dataclass(frozen=True)
class Group:
    """The comparisons of one condition with its baseline."""

    condition: str
    baseline: str
    rows: tuple[Row, ...]


def groups_of(confirmation: StudyRecord) -> list[Group]:
    """Return the comparisons of a confirmation, as far as it has come, by pair."""
    return [
        Group(pair.condition, pair.baseline, tuple(_rows(pair, confirmation.problem)))
        for pair in verdict_of(confirmation).pairs
    ]


def ends_of(groups: Sequence[Group]) -> list[float | None]:
    """Return all ratios that the table's axis is to hold: ends of intervals and of margins."""
    rows = [row for group in groups for row in group.rows]
    return [end for row in rows for end in (row.low, row.high, *row.shaded)]


def less_is_better(confirmation: StudyRecord) -> bool:
    """Return whether the side of an interval on which there is less is the better one in all."""
    names = {*judges_of(confirmation), *confirmation.info["compared"]}
    return all(confirmation.problem.metric(name).goal == "min" for name in names)


def _rows(pair: PairVerdict, problem: Problem) -> list[Row]:
    rows = []
    for judgement in pair.judgements:
        metric = problem.metric(judgement.metric)
        label = axis_title(metric)
        rows += [
            _row(judgement.quality, metric, f"{label} at equal {problem.resource}s"),
            _row(judgement.at_equal_time, metric, f"{label} {EQUAL_TIME}"),
        ]
    for c in pair.others:
        metric = problem.metric(c.metric)
        rows.append(_row(c, metric, axis_title(metric)))
    return rows


def _row(c: Comparison, metric: Metric, what: str) -> Row:
    effect = c.effect
    known = effect.n > 1 and all(map(math.isfinite, (effect.ratio, effect.low, effect.high)))
    decision, tone = _decision(c, metric)
    failed = len(c.failed) + len(c.baseline_failed)
    return Row(
        what=what,
        value=short(effect.mean) if effect.n else "–",
        baseline_value=short(effect.baseline_mean) if effect.n else "–",
        ratio=effect.ratio if known else None,
        low=effect.low if known else None,
        high=effect.high if known else None,
        shaded=(1 / (1 + c.margin), 1 + c.margin),
        decision=decision,
        tone=tone,
        rests_on=f"{len(c.seeds)}" + (f", {failed} without a value" if failed else ""),
    )


def _decision(c: Comparison, metric: Metric) -> tuple[str, Tone]:
    """Return the decision in a word or two, and its tone."""
    side = c.side(metric)
    if side == "open":
        return ("equal", "plain") if c.size == "within" else ("open", "open")
    size = {"within": f", < {c.margin:.0%}", "beyond": f", > {c.margin:.0%}"}.get(c.size, "")
    return side + size, "good" if side == "better" else "bad"
