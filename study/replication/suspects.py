"""Why digits get greyer: each suspect's effect and their interactions, from crossed conditions.

In the original report three things changed with the prior: the range of its images, the learning
rate of the DDPM, and the images themselves; its denoiser normalises its input in all runs. Without
prior the first two are crossed with that norm (2³ conditions), and the learning rate is crossed
with the prior (2² conditions). Nothing here is a verdict: the intervals are not corrected.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from study.analysis.inference import Effect, effect
from study.replication.condition_names import (
    ALONE,
    ALONE_LR,
    COMBINED,
    COMBINED_LR,
    SUSPECTS,
    suspects_name,
)
from study.replication.evidence import Evidence

Crossing = Mapping[frozenset[str], str]
"""A full factorial design: which factors are there, and the condition's name."""

WITHOUT_PRIOR: Crossing = {
    frozenset(chosen): suspects_name(*chosen)
    for size in range(len(SUSPECTS) + 1)
    for chosen in itertools.combinations(SUSPECTS, size)
}
WITH_PRIOR: Crossing = {
    frozenset(): ALONE,
    frozenset({"lr"}): ALONE_LR,
    frozenset({"prior"}): COMBINED,
    frozenset({"prior", "lr"}): COMBINED_LR,
}
METRICS = ("contrast", "fid")


@dataclass(frozen=True)
class CrossedEffect:
    """The effect of a factor, or the interaction of several, in a crossing.

    Attributes:
        crossing: which conditions are crossed.
        factors: ``norm``, the main effect: with against without, averaged over the levels of all
            other factors; ``range × norm``, the interaction: the effect of one with the other, as a
            ratio to its effect without. 1 is no effect.
        metric: of what.
        effect: the ratio, paired by seed.
        least_precision: the smallest share of samples among real images in any condition that is
            crossed. Where it is small, a contrast is not that of digits.
    """

    crossing: str
    factors: str
    metric: str
    effect: Effect
    least_precision: float


def crossed_effects(evidence: Evidence) -> list[CrossedEffect]:
    """Return all effects; those of a crossing that has not been run have no pairs (n = 0)."""
    crossings = {"without prior": WITHOUT_PRIOR, "with and without prior": WITH_PRIOR}
    found = []
    for label, crossing in crossings.items():
        seeds = evidence.seeds(*crossing.values())
        precisions = [
            statistics.fmean(evidence.values(name, "precision", seeds))
            for name in crossing.values()
            if seeds
        ]
        for metric, factors in itertools.product(METRICS, _subsets(crossing)):
            logs = _contrasts(evidence, crossing, factors, metric, seeds)
            least = min(precisions, default=math.nan)
            found.append(CrossedEffect(label, " × ".join(factors), metric, effect(logs), least))
    return found


def _subsets(crossing: Crossing) -> list[tuple[str, ...]]:
    """Return the factors one by one, then two by two, and so on."""
    every = max(crossing, key=len)
    factors = [name for name in ("prior", *SUSPECTS) if name in every]
    sizes = range(1, len(factors) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(factors, size)]


def _contrasts(
    evidence: Evidence,
    crossing: Crossing,
    factors: Collection[str],
    metric: str,
    seeds: Collection[int],
) -> list[float]:
    """Return a log effect per seed: the difference of means for one factor, of differences for two.

    It is the contrast Σ ± log y / 2^(k - s) of s of the k factors (Montgomery, Design and Analysis
    of Experiments, Sec. 6.3), in which the sign is + where an even number of them is absent.
    """
    scale = 2 ** (len(max(crossing, key=len)) - len(factors))
    totals = [0.0] * len(seeds)
    for present, name in crossing.items():
        sign = (-1) ** len(set(factors) - present)
        for place, value in enumerate(evidence.values(name, metric, list(seeds))):
            totals[place] += sign * math.log(value) / scale if value > 0 else math.nan
    return [total for total in totals if math.isfinite(total)]


def table(effects: Collection[CrossedEffect]) -> list[dict[str, Any]]:
    """Return the lines of ``suspects.csv``."""
    return [
        {
            "crossing": each.crossing,
            "factors": each.factors,
            "metric": each.metric,
            **dataclasses.asdict(each.effect),
            "least_precision": each.least_precision,
        }
        for each in effects
    ]
