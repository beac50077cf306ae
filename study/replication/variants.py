"""Variants of the idea that others have tried, each beside DDPM alone by as many reverse steps.

Nothing here is a verdict: the intervals are not corrected. What starts from prior images needs DIP
first, whose seconds are counted, and may copy them: so distances stand beside the FID.
"""

import dataclasses
import statistics
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from study.analysis.inference import Effect
from study.replication.condition_names import ALONE, FEW_STEPS, VARIANTS
from study.replication.drawing_effects import few_steps_against_alone
from study.replication.evidence import Evidence


@dataclass(frozen=True)
class Variant:
    """How a variant compares. Means are arithmetic, over seeds.

    Attributes:
        name: of its condition; the first line is DDPM alone itself.
        fid: the FID of its samples.
        effect: that FID against DDPM alone's, paired by seed; None of DDPM alone itself.
        nearest_source: distance to the start images; 1 is that of real held-out images to the
            training set. None where samples start from noise.
        nearest_train: distance to the training set, on the same scale.
        sample_s: seconds of drawing the scored images.
        with_dip_s: the same and the seconds of DIP.
    """

    name: str
    fid: float
    effect: Effect | None
    nearest_source: float | None
    nearest_train: float
    sample_s: float
    with_dip_s: float


def variants(evidence: Evidence) -> list[Variant]:
    """Return all variants that have been run with two seeds, after DDPM alone by as many steps."""
    if not evidence.extra(ALONE, "from noise", "fid", FEW_STEPS):
        return []
    found = [_variant(evidence, name) for name in VARIANTS if len(evidence.seeds(name, ALONE)) > 1]
    return [_alone(evidence), *found] if found else []


def _alone(evidence: Evidence) -> Variant:
    columns = ("fid", "nearest_train", "seconds")
    fid, train, seconds = (
        statistics.fmean(evidence.extra(ALONE, "from noise", column, FEW_STEPS))
        for column in columns
    )
    return Variant(f"{ALONE}, {FEW_STEPS} steps", fid, None, None, train, seconds, seconds)


def _variant(evidence: Evidence, name: str) -> Variant:
    seeds = evidence.seeds(name, ALONE)

    def mean(metric: str) -> float:
        return statistics.fmean(evidence.values(name, metric, seeds))

    return Variant(
        name=name,
        fid=mean("fid"),
        effect=few_steps_against_alone(evidence, name, "fid", 1).effect,
        nearest_source=mean("nearest_source"),
        nearest_train=mean("nearest_train"),
        sample_s=mean("sample_time_s"),
        with_dip_s=mean("sample_time_s") + mean("dip_time_s"),
    )


def table(found: Collection[Variant]) -> list[dict[str, Any]]:
    """Return the lines of ``variants.csv``."""
    return [
        {
            **{key: value for key, value in vars(each).items() if key != "effect"},
            **(dataclasses.asdict(each.effect) if each.effect else {}),
        }
        for each in found
    ]
