"""Measures of claims about training: its time, and how good what it has learnt is."""

import math
import statistics
from collections.abc import Sequence

from study.analysis.inference import Finding, differs, equal, log_ratios, paired
from study.replication.claim import lower_fid
from study.replication.condition_names import (
    ALONE,
    COMBINED,
    COMBINED_RAW,
    DIP_LR_SERIES,
    NOISY_COMBINED,
    PRIOR_SET,
    PRIOR_SETS,
    RIVALS,
    SETTINGS,
    STD_SERIES,
    dip_lr_name,
    std_name,
)
from study.replication.evidence import QUALITIES, Evidence


def better_than_rivals(evidence: Evidence, tests: int) -> list[Finding]:
    """Return whether DIP's images teach a DDPM better than each classical denoiser's do."""
    measures = [lower_fid(NOISY_COMBINED, rival) for rival in RIVALS.values()]
    return [found for each in measures for found in each(evidence, len(RIVALS) * tests)]


def epoch_time(evidence: Evidence, tests: int) -> list[Finding]:
    """Return the time of a DDPM step with prior, over all settings, against that without."""
    seconds = evidence.seconds(SETTINGS)
    alone = seconds.pop(ALONE, [])
    if not alone:
        return []
    combined = [statistics.geometric_mean(each) for each in zip(*seconds.values(), strict=True)]
    what = "seconds of a DDPM step, with prior against without"
    return [paired(what, combined, alone, "lower", tests)]


def std_series(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return how the FID by one of the networks rises with the std."""
    names = [std_name(std) for std in STD_SERIES]
    what = f"std {STD_SERIES[0]:g} to {STD_SERIES[-1]:g}"
    return [_slope(evidence, quality, what, names, STD_SERIES, tests)]


def dip_lr_series(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return how the FID by one of the networks rises with the logarithm of dip_lr."""
    names, logs = [dip_lr_name(lr) for lr in DIP_LR_SERIES], [math.log(lr) for lr in DIP_LR_SERIES]
    what = f"dip_lr {DIP_LR_SERIES[0]:g} to {DIP_LR_SERIES[-1]:g}"
    return [_slope(evidence, quality, what, names, logs, tests)]


def _slope(
    evidence: Evidence,
    quality: str,
    what: str,
    names: Sequence[str],
    x: Sequence[float],
    tests: int,
) -> Finding:
    """Test the rise from one end of a series to the other, along each seed's regression line."""
    seeds = evidence.seeds(*names)
    series = zip(*(evidence.values(name, quality, seeds) for name in names), strict=True)
    logs = [_rise(x, values) * (x[-1] - x[0]) for values in series]
    what = f"{QUALITIES[quality]}, {what}, along a line through {len(x)} values"
    return differs(what, logs, "higher", tests)


def _rise(x: Sequence[float], y: Sequence[float]) -> float:
    """Return by how much log y rises per unit of x along the regression line; NaN if x is one."""
    if len(set(x)) < 2:
        return math.nan
    return statistics.linear_regression(x, [math.log(value) for value in y]).slope


def depends_on_prior(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return how FID changes with each decibel by which the prior set is nearer to clean images.

    The prior sets differ by ``std`` and by the number of DIP steps. A line goes through each
    seed's.
    """
    seeds, logs = evidence.seeds(*PRIOR_SETS), []
    for seed in seeds:
        psnrs = [evidence.extra_of(name, seed, PRIOR_SET, "psnr") for name in PRIOR_SETS]
        fids = [evidence.values(name, quality, [seed])[0] for name in PRIOR_SETS]
        logs.append(_rise(psnrs, fids))
    what = f"{QUALITIES[quality]}, per dB of the prior set's PSNR, along a line through"
    return [differs(f"{what} {len(PRIOR_SETS)} prior sets", logs, "lower", tests)]


def learns_faster(evidence: Evidence, quality: str, tests: int) -> list[Finding]:
    """Return the FID with prior against that without, averaged over all of training.

    The average is geometric, over the epochs after which both were evaluated.
    """
    with_prior: list[float] = []
    without: list[float] = []
    for seed in evidence.seeds(COMBINED, ALONE):
        curves = [dict(evidence.curve(name, quality, seed)) for name in (COMBINED, ALONE)]
        epochs = curves[0].keys() & curves[1].keys()
        for curve, means in zip(curves, (with_prior, without), strict=True):
            means.append(_mean([curve[epoch] for epoch in epochs]))
    what = f"{QUALITIES[quality]}, mean over the epochs: {COMBINED} against {ALONE}"
    return [paired(what, with_prior, without, "lower", tests)]


def _mean(values: Sequence[float]) -> float:
    """Return the geometric mean; NaN of none, or where a value is not positive."""
    return statistics.geometric_mean(values) if values and min(values) > 0 else math.nan


def trains_fast(evidence: Evidence, tests: int) -> list[Finding]:
    """Return the seconds of DIP against those of the DDPM that learns from it."""
    seeds = evidence.seeds(COMBINED)
    dip, ddpm = (evidence.values(COMBINED, f"{part}_time_s", seeds) for part in ("dip", "train"))
    return [paired(f"seconds of {COMBINED}: its DIP against its DDPM", dip, ddpm, "lower", tests)]


def emphasises_strokes(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how bright the strokes of the unclipped prior set are, against the clean images'."""
    levels = evidence.extra(COMBINED_RAW, PRIOR_SET, "stroke_level")
    logs, _ = log_ratios(levels, [1.0] * len(levels))
    return [differs("level of the strokes, prior set against clean images", logs, "higher", tests)]


def same_time(evidence: Evidence, tests: int) -> list[Finding]:
    """Return the time of a step at each setting against the mean of the others, by round."""
    seconds = evidence.seconds(SETTINGS)
    seconds.pop(ALONE, None)
    found = []
    for name, values in seconds.items():
        others = zip(*(seconds[other] for other in seconds if other != name), strict=True)
        means = [statistics.geometric_mean(each) for each in others]
        logs = [math.log(a / b) for a, b in zip(values, means, strict=True)]
        what = f"{name} against the mean of the others: seconds of a DDPM step"
        found.append(equal(what, logs, tests * len(seconds)))
    return found
