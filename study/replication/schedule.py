"""The runs at the original's own scale, in the order in which they are worth their hours.

Preset ``compact`` has all of MNIST, 20 epochs and 3,500 DIP steps with compact networks. Its
controlled conditions get their seeds in groups: after each group the claims are judged, and those
that are open get the next group (:mod:`study.analysis.sequential`). What decides no claim comes
last. The hours end it, wherever it stands; ``--resume`` with more of them goes on.
"""

from collections.abc import Iterable

from study.analysis.conditions import Point, fixed_design
from study.analysis.sequential import Looks
from study.problem.published import PUBLISHED_COMBINED
from study.replication.claims import CANNOT_TELL, CLAIMS, judge
from study.replication.condition_names import (
    ALONE,
    CONTROLLED,
    DIP_ALONE,
    PARAMETER,
    WITHOUT_DIP,
    as_reported_name,
    setting_name,
)
from study.replication.evidence import Evidence

COMPACT = "compact"
"""The preset whose runs are scheduled; those of others are one fixed design."""

BUDGET_H = 24.0
"""Core hours: twelve hours of two cores."""

MOST_SEEDS = 9
"""Seeds of a claim that stays open: groups end at 4, 6 and 9."""

DECISIVE = tuple(dict.fromkeys(name for claim in CLAIMS for name in claim.needs))
"""The controlled conditions that decide a claim."""

_FIRST = setting_name(*PUBLISHED_COMBINED[0][0])
AT_FULL_LENGTH = tuple(
    as_reported_name(name) for name in (ALONE, _FIRST, f"{_FIRST}, {WITHOUT_DIP}", DIP_ALONE)
)
"""The runs as reported that are made, with the original's networks: hours each."""


def first_points(looks: Looks, seed: int) -> list[Point]:
    """Return the runs up to the first look, the decisive conditions before those as reported."""
    seeds = range(seed + 1, seed + 1 + looks.planned[0])
    reported = fixed_design(_named(AT_FULL_LENGTH), [seed])
    return [*fixed_design(_named(DECISIVE), seeds), *reported]


def more_points(evidence: Evidence, seed: int, most: int) -> list[Point]:
    """Return the runs that the claims still open ask for, or the rest; none if nothing is left.

    Args:
        seed: that of the runs as reported; controlled ones have those that follow.
        most: seeds of a claim that stays open.
    """
    looks = evidence.looks
    assert looks is not None
    wanted: dict[str, int] = {}
    for claim in (each.claim for each in judge(evidence) if each.verdict == CANNOT_TELL):
        has = min((len(evidence.conditions[name].ended) for name in claim.needs), default=0)
        if has < most:
            wanted |= {name: max(looks.after(has), wanted.get(name, 0)) for name in claim.needs}
    if not wanted:
        rest = [name for name in _controlled(evidence) if name not in DECISIVE]
        wanted = dict.fromkeys(rest, looks.planned[0])
    return [
        point
        for number in range(max(wanted.values(), default=0))
        for point in fixed_design(
            _named(name for name, count in wanted.items() if count > number), [seed + 1 + number]
        )
        if point["seed"] not in evidence.conditions[str(point[PARAMETER])].ended
    ]


def left_out(evidence: Evidence) -> list[str]:
    """Return the conditions that have fewer runs than the first look asks for, and how many."""
    looks = evidence.looks
    assert looks is not None
    controlled, lines = _controlled(evidence), []
    for name, condition in evidence.conditions.items():
        wanted = looks.planned[0] if name in controlled else 1
        if len(condition.ended) < wanted:
            lines.append(f"{name} ({len(condition.ended)} of {wanted} runs)")
    return lines


def _controlled(evidence: Evidence) -> list[str]:
    plans = evidence.study.info["conditions"]
    return [name for name in evidence.conditions if plans[name]["kind"] == CONTROLLED]


def _named(names: Iterable[str]) -> list[Point]:
    return [{PARAMETER: name} for name in names]
