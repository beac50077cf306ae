"""The report's claims, each with the figures that decide it: functions of what a study has left.

Each claim asks the evidence for its effects; the verdicts are corrected for the number of claims
(Holm).
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from study.evidence import Evidence
from study.inference import ALPHA, Effect, all_of, effect, equal, holm, paired
from study.rows import (
    ALONE,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    DIP_LR_SERIES,
    NOISY_ALONE,
    NOISY_COMBINED,
    REPORTED_COMBINED,
    SETTINGS,
    STD_SERIES,
    dip_lr_name,
    setting_name,
    std_name,
)

FEW_STEPS = 10
"""Reverse steps at which a start from the prior is compared with one from noise."""

MANY = 3
"""Figures of a claim that are told one by one."""

TENFOLD = 9.0
"""A relative difference past which a number says no more."""

MARGIN_OF_LOSS = 0.02
"""Within it nothing counts as lost."""

DRAWN = 0.2
"""The share of samples among real images (precision) below which there is no contrast to judge."""

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot tell at this scale"


def compare(
    evidence: Evidence, what: str, metric: str, pair: tuple[str, str], claimed: str
) -> Effect:
    """A row against another, by seed."""
    seeds = evidence.seeds(*pair)
    a, b = (evidence.values(row, metric, seeds) for row in pair)
    return paired(f"{what}: {pair[0]} against {pair[1]}", a, b, claimed, TESTS)


def epoch_time(evidence: Evidence) -> list[Effect]:
    seconds = evidence.seconds(SETTINGS)
    alone = seconds.pop(ALONE, [])
    if not alone:
        return []
    combined = [statistics.geometric_mean(turn) for turn in zip(*seconds.values(), strict=True)]
    return [
        paired(
            "seconds of a DDPM step, with prior against without", combined, alone, "lower", TESTS
        )
    ]


def run_time(evidence: Evidence) -> list[Effect]:
    return [compare(evidence, "seconds, DIP counted", "time_total_s", (COMBINED, ALONE), "lower")]


def shapes(evidence: Evidence) -> list[Effect]:
    return [compare(evidence, "FID", "fid", (COMBINED, ALONE), "lower")]


def grey(text: str, suspect: str, row: str) -> "Claim":
    """A row that differs from DDPM alone in one suspect; one of both at least must draw digits."""
    pair = (row, ALONE)

    def contrast(evidence: Evidence) -> list[Effect]:
        return [compare(evidence, "contrast", "contrast", pair, "lower")]

    def no_digits(evidence: Evidence) -> str:
        seeds = evidence.seeds(*pair)
        one, other = (statistics.fmean(evidence.values(r, "precision", seeds)) for r in pair)
        if max(one, other) >= DRAWN:
            return ""
        return f"neither draws digits: {one:.0%} and {other:.0%} lie among real ones"

    return Claim(f"d, {suspect}", text, contrast, no_digits)


def std_series(evidence: Evidence) -> list[Effect]:
    names = [std_name(std) for std in STD_SERIES]
    return [
        _slope(evidence, f"FID, std {STD_SERIES[0]:g} to {STD_SERIES[-1]:g}", names, STD_SERIES)
    ]


def dip_lr_series(evidence: Evidence) -> list[Effect]:
    names, logs = [dip_lr_name(lr) for lr in DIP_LR_SERIES], [math.log(lr) for lr in DIP_LR_SERIES]
    what = f"FID, dip_lr {DIP_LR_SERIES[0]:g} to {DIP_LR_SERIES[-1]:g}"
    return [_slope(evidence, what, names, logs)]


def _slope(evidence: Evidence, what: str, names: Sequence[str], x: Sequence[float]) -> Effect:
    """From one end of a series to the other along each seed's regression line of log FID."""
    seeds = evidence.seeds(*names)
    series = [evidence.values(name, "fid", seeds) for name in names]
    middle = statistics.fmean(x)
    spread = sum((value - middle) ** 2 for value in x)
    rises = [
        sum((xi - middle) * math.log(y) for xi, y in zip(x, values, strict=True)) / spread
        for values in zip(*series, strict=True)
    ]
    logs = [rise * (x[-1] - x[0]) for rise in rises]
    return effect(f"{what}, along a line through {len(x)} values", logs, "higher", TESTS)


def fewer_steps(evidence: Evidence) -> list[Effect]:
    """Better at as few steps, without copying: as far from start image and training set as real
    held-out images are from the training set."""
    prior, noise = (
        evidence.look(COMBINED, images, "fid", FEW_STEPS) for images in ("from prior", "from noise")
    )
    what = f"FID at {FEW_STEPS} reverse steps, from a noised prior against from noise"
    return [
        paired(what, prior, noise, "lower", TESTS),
        *(
            _no_closer(evidence, f"nearest_{name}", words)
            for name, words in (("source", "its start image"), ("train", "the training set"))
        ),
    ]


def _no_closer(evidence: Evidence, column: str, words: str) -> Effect:
    distances = evidence.look(COMBINED, "from prior", column, FEW_STEPS)
    logs = [math.log(distance) for distance in distances if distance > 0]
    what = f"distance to {words}, against that of real images to the training set"
    return effect(what, logs, "higher", TESTS, margin=-MARGIN_OF_LOSS)


def same_time(evidence: Evidence) -> list[Effect]:
    """Each setting against the report's first, within a round."""
    seconds = evidence.seconds(SETTINGS)
    if not seconds:
        return []
    first = setting_name(*REPORTED_COMBINED[0][0])
    return [
        equal(
            f"{name} against {first}: seconds of a DDPM step",
            [math.log(a / b) for a, b in zip(values, seconds[first], strict=True)],
            TESTS,
        )
        for name, values in seconds.items()
        if name not in (ALONE, first)
    ]


def noisy_regime(evidence: Evidence) -> list[Effect]:
    return [compare(evidence, "FID", "fid", (NOISY_COMBINED, NOISY_ALONE), "lower")]


def refinement(evidence: Evidence) -> list[Effect]:
    """Closer to the real images as a set, and no farther from the image that it is of."""

    def look(images: str, column: str) -> list[float]:
        return evidence.look(COMBINED, images, column)

    psnr = zip(look("refined", "psnr"), look("restored", "psnr"), strict=True)
    # dB to the ratio of root-mean-square errors
    errors = [(b - a) / 20 * math.log(10) for a, b in psnr]
    return [
        paired(
            "FID, refined against DIP's output",
            look("refined", "fid"),
            look("restored", "fid"),
            "lower",
            TESTS,
        ),
        effect(
            "root-mean-square error (from PSNR), refined against DIP's output",
            errors,
            "lower",
            TESTS,
            margin=-MARGIN_OF_LOSS,
        ),
        effect(
            "1 - SSIM, refined against DIP's output",
            [
                math.log((1 - a) / (1 - b))
                for a, b in zip(look("refined", "ssim"), look("restored", "ssim"), strict=True)
            ],
            "lower",
            TESTS,
            margin=-MARGIN_OF_LOSS,
        ),
    ]


@dataclass(frozen=True)
class Claim:
    letter: str
    text: str
    effects: Callable[[Evidence], list[Effect]]
    void: Callable[[Evidence], str] = lambda _: ""
    """Why its figures, if there are any, say nothing."""


CLAIMS = (
    Claim("a", "the prior makes an epoch faster", epoch_time),
    Claim("b", "the prior makes the whole run faster", run_time),
    Claim("c", "the prior gives better shapes", shapes),
    grey("the value range [0, 1] makes digits greyer", "range", ALONE_UNIT),
    grey("a denoiser that normalises its input makes digits greyer", "norm", ALONE_NORM),
    grey("the prior itself makes digits greyer", "prior", COMBINED),
    Claim("e", "the higher the std, the less precise", std_series),
    Claim("f", "the higher dip_lr, the less clear", dip_lr_series),
    Claim("g", "with a prior fewer denoising steps do", fewer_steps),
    Claim("h", "time per iteration does not depend on learning rates and std", same_time),
    Claim("i", "where only noisy images exist the prior helps", noisy_regime),
    Claim("j", "the DDPM refines the image that DIP makes", refinement),
)

TESTS = len(CLAIMS)
"""How many are corrected for: (d) asks three questions."""


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict."""

    claim: Claim
    verdict: str
    p: float
    """Two-sided, corrected; NaN where nothing could be measured."""
    effects: list[Effect]

    note: str
    """Why nothing can be told, where that is not for the effects' size."""


def _note(claim: Claim, found: list[Effect], evidence: Evidence) -> str:
    if found and all(e.n >= 2 for e in found):
        return claim.void(evidence)
    return "too few runs have ended: an interval needs two seeds"


def judge(evidence: Evidence) -> list[Judged]:
    """All claims; a claim whose parts contradict each other is one that does not hold."""
    effects = [claim.effects(evidence) for claim in CLAIMS]
    notes = [_note(claim, found, evidence) for claim, found in zip(CLAIMS, effects, strict=True)]
    sides = [
        (math.nan, math.nan) if note else all_of(found)
        for found, note in zip(effects, notes, strict=True)
    ]
    adjusted = holm([2 * min(side) for side in sides])
    judged = []
    for claim, found, note, (p_for, p_against), p in zip(
        CLAIMS, effects, notes, sides, adjusted, strict=True
    ):
        verdict = CANNOT_TELL
        if not note and p <= ALPHA:
            verdict = HOLDS if p_for < p_against else DOES_NOT
        judged.append(Judged(claim, verdict, math.nan if note else p, found, note))
    return judged


def sentence(judged: Judged) -> str:
    """The claim, its verdict and its figures, in words."""
    return f"({judged.claim.letter}) {judged.claim.text}: {judged.verdict}. {details(judged)}"


def details(judged: Judged) -> str:
    """All figures, or of many the one that speaks least for the claim."""
    measured = [found for found in judged.effects if found.n >= 2]
    told = [describe(found) for found in measured]
    if len(told) > MANY:
        weakest = max(measured, key=lambda found: found.p_for)
        told = [f"of {len(told)} comparisons the least sure: {describe(weakest)}"]
    text = "; ".join([judged.note, *told] if judged.note else told)
    return f"{text[0].upper()}{text[1:]}."


def describe(found: Effect) -> str:
    """``FID: A against B 6.9 and 6.1, ratio 1.13 [1.05, 1.22], n 5``."""
    means = ""
    if not math.isnan(found.mean):
        means = f" {found.mean:.3g} and {found.baseline_mean:.3g},"
    seen = f"{found.detectable:.0%}" if found.detectable < TENFOLD else "nothing below tenfold"
    return (
        f"{found.what}{means} ratio {found.ratio:.3g} [{found.low:.3g}, {found.high:.3g}], "
        f"n {found.n}, {seen} would have been seen"
    )


def table(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """``claims.csv``: a line per figure, the verdict in each."""
    return [
        {
            "claim": j.claim.letter,
            "text": j.claim.text,
            "verdict": j.verdict,
            "p_holm": j.p,
            "note": j.note,
            **found,
        }
        for j in judged
        for found in map(dataclasses.asdict, j.effects)
    ]
