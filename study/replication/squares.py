"""Samples without a digit, as the original's first setting draws them: the prior's, or too little?

Its twin without DIP changes nothing else. Of each, the share of samples that lie among no real
image (1 - precision) is compared, after each evaluation. The rule, set before the runs:

- *The prior's*: at the last epoch the share is surely higher with DIP than without.
- *Too little training*: with DIP the share at the last epoch is surely lower than at the first
  evaluation.

"Surely" means that the 95 % interval of the difference of two shares leaves out 0 (Newcombe 1998,
"Interval estimation for the difference between independent proportions", method 10). Both can hold.
There is one seed: the interval is over drawn images, not over trainings, and decides no claim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from study.analysis.intervals import CONFIDENCE
from study.problem.published import PUBLISHED_COMBINED
from study.replication.condition_names import WITHOUT_DIP, as_reported_name, setting_name
from study.replication.evidence import Evidence

FIRST = as_reported_name(setting_name(*PUBLISHED_COMBINED[0][0]))
TWIN = f"{FIRST}, {WITHOUT_DIP}"


@dataclass(frozen=True)
class Difference:
    """The difference of two shares of samples without a digit.

    Attributes:
        question: what it tells.
        share, other: the shares, of ``n`` images each.
        low, high: the 95 % interval of ``share - other``.
    """

    question: str
    share: float
    other: float
    n: int
    low: float
    high: float

    @property
    def answer(self) -> str:
        """Whether the share is higher: ``yes``, ``no``, or ``cannot tell``."""
        if self.low > 0:
            return "yes"
        return "no" if self.high < 0 else "cannot tell"


def squares(evidence: Evidence) -> list[Difference]:
    """Return what is known of both questions; nothing before both runs have ended."""
    seeds = evidence.seeds(FIRST, TWIN)
    if not seeds:
        return []
    seed = seeds[0]
    n = int(evidence.values(FIRST, "scored_images", [seed])[0])
    curve = [(epoch, 1 - value) for epoch, value in evidence.curve(FIRST, "precision", seed)]
    last, (first_epoch, early) = curve[-1][1], curve[0]
    twin = 1 - evidence.values(TWIN, "precision", [seed])[0]
    found = [difference("the prior's: with DIP against without", last, twin, n)]
    if len(curve) > 1:
        what = f"too little training: with DIP after {first_epoch} epochs against the last"
        found.append(difference(what, early, last, n))
    return found


def difference(question: str, share: float, other: float, n: int) -> Difference:
    """Return the difference of two shares of ``n`` images each, with Newcombe's interval."""
    (low, high), (other_low, other_high) = _wilson(share, n), _wilson(other, n)
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    middle = share - other
    return Difference(question, share, other, n, middle - below, middle + above)


def _wilson(share: float, n: int) -> tuple[float, float]:
    interval = stats.binomtest(round(share * n), n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def table(found: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return the lines of ``squares.csv``."""
    return [{**vars(each), "answer": each.answer} for each in found]
