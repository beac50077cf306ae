"""The claims as a table: a row per effect, its interval beside the ratios that are claimed."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from study.analysis.inference import Finding
from study.page.numbers import short
from study.page.verdict_table import Tone
from study.replication.claim_text import MANY, weakest
from study.replication.claims import CANNOT_TELL, DOES_NOT, HOLDS, Judged

TONES: dict[str, Tone] = {HOLDS: "good", DOES_NOT: "bad", CANNOT_TELL: "open"}


@dataclass(frozen=True)
class ClaimRow:
    """An effect that decides a claim.

    Attributes:
        what: what is compared.
        value, baseline_value: geometric means; a dash where the ratio alone has a meaning.
        ratio, low, high: with its 95 % interval.
        shaded: the ratios for which the claim is true.
        n: pairs that it rests on.
        pictures: the conditions that it compares, as far as they have pictures.
    """

    what: str
    value: str
    baseline_value: str
    ratio: float
    low: float
    high: float
    shaded: tuple[float, float]
    n: int
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class ClaimRows:
    """A claim, its verdict and its effects; of many effects the one that speaks least for it."""

    letter: str
    text: str
    verdict: str
    tone: Tone
    note: str
    rows: tuple[ClaimRow, ...]


def claim_rows(judged: Sequence[Judged], pictured: Collection[str]) -> list[ClaimRows]:
    """Return the table of claims.

    Args:
        pictured: names of the conditions of which the page has pictures.
    """
    return [_claim(each, pictured) for each in judged]


def _claim(judged: Judged, pictured: Collection[str]) -> ClaimRows:
    measured, note = [f for f in judged.findings if f.effect.n >= 2], judged.note
    if len(measured) > MANY:
        told = f"the least sure of {len(measured)} comparisons"
        measured, note = [weakest(measured)], "; ".join(filter(None, (note, told)))
    return ClaimRows(
        judged.claim.letter,
        judged.claim.text,
        judged.verdict,
        TONES[judged.verdict],
        note,
        tuple(_row(found, pictured) for found in measured),
    )


def _row(found: Finding, pictured: Collection[str]) -> ClaimRow:
    effect = found.effect
    has_means = not math.isnan(effect.mean)
    compared = found.what.partition(": ")[2].split(" against ")
    return ClaimRow(
        what=found.what,
        value=short(effect.mean) if has_means else "–",
        baseline_value=short(effect.baseline_mean) if has_means else "–",
        ratio=effect.ratio,
        low=effect.low,
        high=effect.high,
        shaded=found.claimed,
        n=effect.n,
        pictures=tuple(name for name in compared if name in pictured),
    )


def tally(judged: Sequence[Judged]) -> str:
    """Return ``Of 16 claims 6 hold, 5 do not, and 5 cannot be told at this scale.``"""
    counts = Counter(each.verdict for each in judged)
    hold, do_not, open_ = (counts[verdict] for verdict in (HOLDS, DOES_NOT, CANNOT_TELL))
    return (
        f"Of {len(judged)} claims {hold} hold{'s' * (hold == 1)}, {do_not} "
        f"do{'es' * (do_not == 1)} not, and {open_} cannot be told at this scale."
    )
