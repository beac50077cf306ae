"""The verdict of a confirmation as data: what ``verdict.json`` holds, and all words rest on."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from study.analysis.comparison import (
    EQUAL_TIME,
    FAILURES,
    Comparison,
    comparisons,
    judges_of,
    looks_of,
)
from study.analysis.conditions import conditions_of
from study.analysis.intervals import ALPHA
from study.analysis.sequential import Looks
from study.results.records import StudyRecord

SCHEMA = 2
"""The version of the form of ``verdict.json``."""


@dataclass(frozen=True)
class Judgement:
    """A quality of a condition against its baseline's.

    Attributes:
        metric: the name of the quality.
        quality: at equal resource.
        at_equal_time: when the one that ends first has ended.
    """

    metric: str
    quality: Comparison
    at_equal_time: Comparison

    @property
    def both(self) -> tuple[Comparison, Comparison]:
        """The comparisons at equal resource and at equal time."""
        return self.quality, self.at_equal_time

    @property
    def is_decided(self) -> bool:
        """Whether both are."""
        return all(comparison.is_decided for comparison in self.both)


@dataclass(frozen=True)
class PairVerdict:
    """The comparisons of a condition with its baseline.

    Attributes:
        are_twins: they differ in nothing but the treatment, so that what differs is its work. Where
            they differ in more, it is that of a setting.
        judgements: of their quality, by each of the verdict's ``judged_by``.
        failures: how often each failed.
        others: further metrics.
    """

    condition: str
    baseline: str
    are_twins: bool
    judgements: tuple[Judgement, ...]
    failures: Comparison
    others: tuple[Comparison, ...]

    @property
    def leading(self) -> Judgement:
        """The judgement by the metric that leads; others make do with the seeds that it takes."""
        return self.judgements[0]


@dataclass(frozen=True)
class Verdict:
    """What a confirmation has shown.

    Attributes:
        treatment: what is judged, in words.
        chosen_by: the metric by which the search chose what is judged.
        judged_by: the metrics that are the quality here; the first one leads.
        error: the share of verdicts in which a direction is named that is none, where there is
            none, over all comparisons and looks.
        looks: the numbers of seeds at which it was planned to look.
        pairs: the first one leads.
        tuning: for a condition, the trials of the search that found its setting.
    """

    treatment: str
    chosen_by: str
    judged_by: tuple[str, ...]
    error: float
    looks: tuple[int, ...]
    pairs: tuple[PairVerdict, ...]
    tuning: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as ``verdict.json`` holds it."""
        return {"schema": SCHEMA, **dataclasses.asdict(self)}


def verdict_of(confirmation: StudyRecord) -> Verdict:
    """Return the verdict of a confirmation, as far as it has come."""
    info, found = confirmation.info, comparisons(confirmation)
    conditions = conditions_of(confirmation)
    judges = judges_of(confirmation)
    pairs = []
    for name, baseline in info["pairs"]:
        mine = {c.metric: c for c in found if (c.condition, c.baseline) == (name, baseline)}
        a, b = (conditions[each].parameters for each in (name, baseline))
        pairs.append(
            PairVerdict(
                condition=name,
                baseline=baseline,
                are_twins=sum(a[parameter] != b[parameter] for parameter in a) == 1,
                judgements=tuple(
                    Judgement(judge, mine.pop(judge), mine.pop(f"{judge} {EQUAL_TIME}"))
                    for judge in judges
                ),
                failures=mine.pop(FAILURES),
                others=tuple(mine.values()),
            )
        )
    return Verdict(
        treatment=info["treatment"],
        chosen_by=info.get("chosen_by", confirmation.problem.objectives[0]),
        judged_by=judges,
        error=ALPHA,
        looks=looks_of(confirmation).planned,
        pairs=tuple(pairs),
        tuning=info.get("tuning", {}),
    )


def seeds_wanted(confirmation: StudyRecord, most: int) -> dict[str, int]:
    """Return how many seeds each condition should have: more where its quality is open.

    For the condition that the verdict leads with there are as many as it takes, for the others no
    more than at the second look: an effect as large as theirs usually is shows there.

    Args:
        most: seeds that no condition goes beyond.
    """
    looks, conditions = looks_of(confirmation), conditions_of(confirmation)
    wanted = dict.fromkeys(conditions, 0)
    verdict = verdict_of(confirmation)
    for pair in verdict.pairs:
        leads = pair.condition == verdict.pairs[0].condition
        if pair.leading.is_decided:
            seeds = max(len(comparison.seeds) for comparison in pair.leading.both)
        else:
            ended = conditions[pair.condition].ended & conditions[pair.baseline].ended
            asked = most if leads else min(most, looks.planned[:2][-1])
            seeds = _next_look(looks, len(ended), asked)
        for name in (pair.condition, pair.baseline):
            wanted[name] = max(wanted[name], seeds)
    return wanted


def _next_look(looks: Looks, seeds: int, most: int) -> int:
    """Return the next look after so many seeds, or the last one up to ``most``."""
    following = looks.after(seeds)
    return following if following <= most else looks.last(max(most, looks.planned[0]))
