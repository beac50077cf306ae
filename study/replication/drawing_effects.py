"""Measures of claims about drawing: fewer steps, less time, new images, truer images."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.inference import MARGIN, Finding, differs, paired
from study.replication.condition_names import ALONE, COMBINED, FEW_STEPS, MANY_STEPS, MIXED
from study.replication.evidence import QUALITIES, Evidence

GIVEN_FID = 1.1
"""The FID that is to be reached, as a multiple of that of many steps from noise."""

LEAST_DISTANCE = 1e-6
"""What a perfect copy, whose distance is 0, counts as: ratios need a logarithm."""


DISTANCES = {"nearest_source": "its start image", "nearest_train": "the training set"}
"""How far samples are from images, in units of real held-out images' distance."""

PRIOR_OR_NOISE = "from a noised prior against from noise"


def fewer_steps(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return whether few steps from a prior beat few from noise, and lose nothing against many."""
    prior, tests = evidence.extra(COMBINED, "from prior", quality, FEW_STEPS), 2 * tests
    few, many = (
        evidence.extra(COMBINED, "from noise", quality, steps) for steps in (FEW_STEPS, MANY_STEPS)
    )
    what = f"{QUALITIES[quality]} by {FEW_STEPS} reverse steps from a noised prior against"
    return [
        paired(f"{what} {FEW_STEPS} from noise", prior, few, "lower", tests),
        paired(f"{what} {MANY_STEPS} from noise", prior, many, "lower", tests, -MARGIN),
    ]


def sooner(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return the seconds of drawing to a given quality, from a noised prior against from noise."""
    prior, noise, _ = _seconds_to_fid(evidence, quality)
    what = f"seconds of drawing to a given {QUALITIES[quality]}"
    return [paired(f"{what}, {PRIOR_OR_NOISE}", prior, noise, "lower", tests)]


def sooner_in_all(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return the same, with the seconds counted that DIP took for the images to start from."""
    prior, noise, dip = _seconds_to_fid(evidence, quality)
    what = f"seconds of drawing to a given {QUALITIES[quality]}, DIP counted, {PRIOR_OR_NOISE}"
    both = [a + b for a, b in zip(prior, dip, strict=True)]
    return [paired(what, both, noise, "lower", tests)]


def _seconds_to_fid(
    evidence: Evidence, quality: str
) -> tuple[list[float], list[float], list[float]]:
    """Return by seed: the seconds to a given FID from a prior and from noise, and those of DIP.

    The FID is that of many steps from noise and a tenth more, by the same DDPM. A start that never
    comes to it counts as its slowest, which is in its favour.
    """
    seeds = evidence.seeds(COMBINED)
    prior, noise = [], []
    for seed in seeds:
        many = evidence.extra_of(COMBINED, seed, "from noise", quality, MANY_STEPS)
        lines = evidence.extra_scores.get((COMBINED, seed), [])
        drawn = [line for line in lines if (line.get("steps") or 0) > 0]
        prior.append(_soonest(drawn, "from prior", quality, GIVEN_FID * many))
        noise.append(_soonest(drawn, "from noise", quality, GIVEN_FID * many))
    return prior, noise, evidence.values(COMBINED, "dip_time_s", seeds)


def _soonest(lines: Sequence[Mapping[str, Any]], images: str, quality: str, target: float) -> float:
    mine = [line for line in lines if line["images"] == images]
    if not mine or math.isnan(target):
        return math.nan
    seconds = [float(line["seconds"]) for line in mine if float(line[quality]) <= target]
    return min(seconds) if seconds else max(float(line["seconds"]) for line in mine)


def new_digits(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how far samples are from their start images and from the training set.

    They are to be as far as real held-out images are from the training set.
    """
    return [
        _no_closer(text, evidence.extra(COMBINED, "from prior", column, FEW_STEPS), 2 * tests)
        for column, text in DISTANCES.items()
    ]


def _no_closer(text: str, distances: Sequence[float], tests: int) -> Finding:
    logs = [math.log(max(distance, LEAST_DISTANCE)) for distance in distances]
    what = f"distance to {text}, against that of real images to the training set"
    return differs(what, logs, "higher", tests, margin=-MARGIN)


def refined_and_restored(evidence: Evidence, column: str) -> list[tuple[float, float]]:
    """Return a score of the same images as the DDPM refined and as DIP restored them, by seed."""
    columns = (evidence.extra(COMBINED, images, column) for images in ("refined", "restored"))
    return list(zip(*columns, strict=True))


def realism(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return whether refined images are closer to real ones, as a set."""
    pairs = refined_and_restored(evidence, quality)
    what = f"{QUALITIES[quality]}, refined against DIP's output"
    return [paired(what, [a for a, _ in pairs], [b for _, b in pairs], "lower", tests)]


def fidelity(evidence: Evidence, tests: int) -> list[Finding]:
    """Return whether a refined image is no farther from the clean image that it shows."""
    # dB to the ratio of root-mean-square errors
    errors = [(b - a) / 20 * math.log(10) for a, b in refined_and_restored(evidence, "psnr")]
    unlike = [math.log((1 - a) / (1 - b)) for a, b in refined_and_restored(evidence, "ssim")]
    return [
        differs(f"{what}, refined against DIP's output", logs, "lower", 2 * tests, margin=-MARGIN)
        for what, logs in (
            ("root-mean-square error (from PSNR)", errors),
            ("1 - SSIM", unlike),
        )
    ]


def mixed_start(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how few steps from a mixed x_T compare with as many of a DDPM without prior.

    Their samples are to be as far from start and training images as real ones are from the latter.
    """
    tests *= len(evidence.qualities) + len(DISTANCES)
    return [
        *(
            few_steps_against_alone(evidence, MIXED, quality, tests)
            for quality in evidence.qualities
        ),
        *(
            _no_closer(text, evidence.values(MIXED, column, evidence.seeds(MIXED)), tests)
            for column, text in DISTANCES.items()
        ),
    ]


def few_steps_against_alone(evidence: Evidence, name: str, quality: str, tests: int) -> Finding:
    """Return the quality of a condition that draws by few steps, against DDPM alone by as many."""
    seeds = evidence.seeds(name, ALONE)
    alone = [evidence.extra_of(ALONE, seed, "from noise", quality, FEW_STEPS) for seed in seeds]
    what = f"{QUALITIES[quality]} by {FEW_STEPS} reverse steps: {name} against {ALONE}"
    return paired(what, evidence.values(name, quality, seeds), alone, "lower", tests)
