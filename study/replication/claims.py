"""The original's claims, each with the figures that decide it: functions of what a study has left.

Each claim asks the evidence for its effects; the verdicts are corrected for the number of claims
(Holm).
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.comparison import MARGIN
from study.analysis.inference import ALPHA, Effect, all_of, effect, equal, holm, paired
from study.replication.conditions import (
    ALONE,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    DIP_LR_SERIES,
    FEW_STEPS,
    MANY_STEPS,
    NOISY_ALONE,
    NOISY_COMBINED,
    SETTINGS,
    STD_SERIES,
    dip_lr_name,
    std_name,
)
from study.replication.evidence import Evidence

MANY = 3
"""Figures of a claim that are told one by one."""

TENFOLD = 9.0
"""A relative difference past which a number says no more."""

DRAWN = 0.1
"""The share of samples among real images (precision) below which there is no contrast to judge."""

LEAST_DISTANCE = 1e-6
"""What a perfect copy, whose distance is 0, counts as: ratios need a logarithm."""

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
    """A row that differs from DDPM alone in one suspect; both must draw digits."""
    pair = (row, ALONE)

    def contrast(evidence: Evidence) -> list[Effect]:
        return [compare(evidence, "contrast", "contrast", pair, "lower")]

    def no_digits(evidence: Evidence) -> str:
        seeds = evidence.seeds(*pair)
        one, other = (statistics.fmean(evidence.values(r, "precision", seeds)) for r in pair)
        if min(one, other) >= DRAWN:
            return ""
        return f"not both draw digits: {one:.0%} and {other:.0%} lie among real ones"

    return Claim(f"d, {suspect}", text, contrast, no_digits)


def as_bad_as_noise(*rows: str) -> Callable[[Evidence], str]:
    """Of rows whose FID a claim compares: that not one of them comes nearer to real images than
    noise does, whose order would say nothing of digits."""

    def check(evidence: Evidence) -> str:
        seeds = evidence.seeds(*rows)
        best = min(statistics.fmean(evidence.values(row, "fid", seeds)) for row in rows)
        noise = statistics.fmean(evidence.values(rows[0], "fid_noise", seeds))
        return "" if best < noise else f"no nearer to real images than noise, FID {noise:.3g}"

    return check


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
    """Better than as few steps from noise, and nothing lost against many."""
    prior, tests = evidence.look(COMBINED, "from prior", "fid", FEW_STEPS), 2 * TESTS
    few, many = (
        evidence.look(COMBINED, "from noise", "fid", steps) for steps in (FEW_STEPS, MANY_STEPS)
    )
    what = f"FID by {FEW_STEPS} reverse steps from a noised prior against"
    return [
        paired(f"{what} {FEW_STEPS} from noise", prior, few, "lower", tests),
        paired(f"{what} {MANY_STEPS} from noise", prior, many, "lower", tests, -MARGIN),
    ]


def new_digits(evidence: Evidence) -> list[Effect]:
    """As far from start image and training set as real held-out images are from the latter."""
    return [
        _no_closer(evidence, f"nearest_{name}", words)
        for name, words in (("source", "its start image"), ("train", "the training set"))
    ]


def _no_closer(evidence: Evidence, column: str, words: str) -> Effect:
    distances = evidence.look(COMBINED, "from prior", column, FEW_STEPS)
    logs = [math.log(max(distance, LEAST_DISTANCE)) for distance in distances]
    what = f"distance to {words}, against that of real images to the training set"
    return effect(what, logs, "higher", 2 * TESTS, margin=-MARGIN)


def same_time(evidence: Evidence) -> list[Effect]:
    """Each setting against the mean of the others, within a round."""
    seconds = evidence.seconds(SETTINGS)
    seconds.pop(ALONE, None)
    found = []
    for name, values in seconds.items():
        others = zip(*(seconds[other] for other in seconds if other != name), strict=True)
        means = [statistics.geometric_mean(turn) for turn in others]
        logs = [math.log(a / b) for a, b in zip(values, means, strict=True)]
        what = f"{name} against the mean of the others: seconds of a DDPM step"
        found.append(equal(what, logs, TESTS * len(seconds)))
    return found


def noisy_regime(evidence: Evidence) -> list[Effect]:
    return [compare(evidence, "FID", "fid", (NOISY_COMBINED, NOISY_ALONE), "lower")]


def refined_and_restored(evidence: Evidence, column: str) -> list[tuple[float, float]]:
    """By seed, of the same images."""
    columns = (evidence.look(COMBINED, images, column) for images in ("refined", "restored"))
    return list(zip(*columns, strict=True))


def realism(evidence: Evidence) -> list[Effect]:
    """Closer to the real images as a set."""
    pairs = refined_and_restored(evidence, "fid")
    what = "FID, refined against DIP's output"
    return [paired(what, [a for a, _ in pairs], [b for _, b in pairs], "lower", TESTS)]


def fidelity(evidence: Evidence) -> list[Effect]:
    """No farther from the image that it is of."""
    # dB to the ratio of root-mean-square errors
    errors = [(b - a) / 20 * math.log(10) for a, b in refined_and_restored(evidence, "psnr")]
    return [
        effect(
            "root-mean-square error (from PSNR), refined against DIP's output",
            errors,
            "lower",
            2 * TESTS,
            margin=-MARGIN,
        ),
        effect(
            "1 - SSIM, refined against DIP's output",
            [math.log((1 - a) / (1 - b)) for a, b in refined_and_restored(evidence, "ssim")],
            "lower",
            2 * TESTS,
            margin=-MARGIN,
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
    Claim("c", "the prior gives better shapes", shapes, as_bad_as_noise(COMBINED, ALONE)),
    grey("the value range [0, 1] makes digits greyer", "range", ALONE_UNIT),
    grey("a denoiser that normalises its input makes digits greyer", "norm", ALONE_NORM),
    grey("the prior itself makes digits greyer", "prior", COMBINED),
    Claim(
        "e",
        "the higher the std, the less precise",
        std_series,
        as_bad_as_noise(*map(std_name, STD_SERIES)),
    ),
    Claim(
        "f",
        "the higher dip_lr, the less clear",
        dip_lr_series,
        as_bad_as_noise(*map(dip_lr_name, DIP_LR_SERIES)),
    ),
    Claim(
        "g, steps",
        "from a noised prior the same DDPM needs fewer steps",
        fewer_steps,
        as_bad_as_noise(COMBINED),
    ),
    Claim("g, copies", "what they draw is new, no copy of start or training images", new_digits),
    Claim("h", "time per iteration does not depend on learning rates and std", same_time),
    Claim(
        "i",
        "where only noisy images exist the prior helps",
        noisy_regime,
        as_bad_as_noise(NOISY_COMBINED, NOISY_ALONE),
    ),
    Claim(
        "j, looks",
        "the DDPM makes DIP's images more like real ones",
        realism,
        as_bad_as_noise(COMBINED),
    ),
    Claim("j, truth", "the DDPM keeps DIP's images as near to what they are of", fidelity),
)

TESTS = len(CLAIMS)
"""How many are corrected for: some letters ask two or three questions."""


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
