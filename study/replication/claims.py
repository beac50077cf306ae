"""The original report's claims, each with the effects that decide it.

Four suspects of (d), that digits get greyer, are claims of ours, each changed alone. How they act
together is told by :mod:`study.replication.suspects`.

Each claim is a function of the evidence that a study has left. Verdicts are corrected for the
number of claims (Holm). A claim is added by adding it to :data:`CLAIMS`.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.inference import MARGIN, Finding, all_of, differs, equal, holm, paired
from study.analysis.intervals import ALPHA
from study.replication.condition_names import (
    ALONE,
    ALONE_LR,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    DIP_LR_SERIES,
    FEW_STEPS,
    MANY_STEPS,
    NOISY_ALONE,
    NOISY_COMBINED,
    RIVALS,
    SETTINGS,
    STD_SERIES,
    dip_lr_name,
    std_name,
)
from study.replication.evidence import Evidence

DRAWN = 0.1
"""The share of samples among real images (precision) below which there is no contrast to judge."""

LEAST_DISTANCE = 1e-6
"""What a perfect copy, whose distance is 0, counts as: ratios need a logarithm."""

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot tell at this scale"

Measure = Callable[[Evidence, int], list[Finding]]
"""Returns the findings that decide a claim, given how many tests are corrected for."""


def lower(what: str, metric: str, pair: tuple[str, str]) -> Measure:
    """Return the measure of a claim that a condition has less of a metric than another, by seed."""

    def measure(evidence: Evidence, tests: int) -> list[Finding]:
        seeds = evidence.seeds(*pair)
        a, b = (evidence.values(name, metric, seeds) for name in pair)
        return [paired(f"{what}: {pair[0]} against {pair[1]}", a, b, "lower", tests)]

    return measure


def better_than_rivals(evidence: Evidence, tests: int) -> list[Finding]:
    """Return whether DIP's images teach a DDPM better than each classical denoiser's do."""
    measures = [lower("FID", "fid", (NOISY_COMBINED, rival)) for rival in RIVALS.values()]
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


def no_digits(*names: str) -> Callable[[Evidence], str]:
    """Return a check that of conditions whose contrast a claim compares, both draw digits."""

    def check(evidence: Evidence) -> str:
        seeds = evidence.seeds(*names)
        one, other = (statistics.fmean(evidence.values(n, "precision", seeds)) for n in names)
        if min(one, other) >= DRAWN:
            return ""
        return f"not both draw digits: {one:.0%} and {other:.0%} lie among real ones"

    return check


def as_bad_as_noise(*names: str) -> Callable[[Evidence], str]:
    """Return a check that of conditions whose FID a claim compares, one is better than noise.

    Where none comes nearer to real images than noise does, their order says nothing of digits.
    """

    def check(evidence: Evidence) -> str:
        seeds = evidence.seeds(*names)
        best = min(statistics.fmean(evidence.values(name, "fid", seeds)) for name in names)
        noise = statistics.fmean(evidence.values(names[0], "fid_noise", seeds))
        return "" if best < noise else f"no nearer to real images than noise, FID {noise:.3g}"

    return check


def std_series(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how FID rises with the std."""
    names = [std_name(std) for std in STD_SERIES]
    what = f"FID, std {STD_SERIES[0]:g} to {STD_SERIES[-1]:g}"
    return [_slope(evidence, what, names, STD_SERIES, tests)]


def dip_lr_series(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how FID rises with the logarithm of dip_lr."""
    names, logs = [dip_lr_name(lr) for lr in DIP_LR_SERIES], [math.log(lr) for lr in DIP_LR_SERIES]
    what = f"FID, dip_lr {DIP_LR_SERIES[0]:g} to {DIP_LR_SERIES[-1]:g}"
    return [_slope(evidence, what, names, logs, tests)]


def _slope(
    evidence: Evidence, what: str, names: Sequence[str], x: Sequence[float], tests: int
) -> Finding:
    """Test the rise from one end of a series to the other, along each seed's regression line."""
    seeds = evidence.seeds(*names)
    series = [evidence.values(name, "fid", seeds) for name in names]
    middle = statistics.fmean(x)
    spread = sum((value - middle) ** 2 for value in x)
    rises = [
        sum((xi - middle) * math.log(y) for xi, y in zip(x, values, strict=True)) / spread
        for values in zip(*series, strict=True)
    ]
    logs = [rise * (x[-1] - x[0]) for rise in rises]
    return differs(f"{what}, along a line through {len(x)} values", logs, "higher", tests)


def fewer_steps(evidence: Evidence, tests: int) -> list[Finding]:
    """Return whether few steps from a prior beat few from noise, and lose nothing against many."""
    prior, tests = evidence.extra(COMBINED, "from prior", "fid", FEW_STEPS), 2 * tests
    few, many = (
        evidence.extra(COMBINED, "from noise", "fid", steps) for steps in (FEW_STEPS, MANY_STEPS)
    )
    what = f"FID by {FEW_STEPS} reverse steps from a noised prior against"
    return [
        paired(f"{what} {FEW_STEPS} from noise", prior, few, "lower", tests),
        paired(f"{what} {MANY_STEPS} from noise", prior, many, "lower", tests, -MARGIN),
    ]


def new_digits(evidence: Evidence, tests: int) -> list[Finding]:
    """Return how far samples are from their start images and from the training set.

    They are to be as far as real held-out images are from the training set.
    """
    return [
        _no_closer(evidence, f"nearest_{name}", text, 2 * tests)
        for name, text in (("source", "its start image"), ("train", "the training set"))
    ]


def _no_closer(evidence: Evidence, column: str, text: str, tests: int) -> Finding:
    distances = evidence.extra(COMBINED, "from prior", column, FEW_STEPS)
    logs = [math.log(max(distance, LEAST_DISTANCE)) for distance in distances]
    what = f"distance to {text}, against that of real images to the training set"
    return differs(what, logs, "higher", tests, margin=-MARGIN)


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


def refined_and_restored(evidence: Evidence, column: str) -> list[tuple[float, float]]:
    """Return a score of the same images as the DDPM refined and as DIP restored them, by seed."""
    columns = (evidence.extra(COMBINED, images, column) for images in ("refined", "restored"))
    return list(zip(*columns, strict=True))


def realism(evidence: Evidence, tests: int) -> list[Finding]:
    """Return whether refined images are closer to real ones, as a set."""
    pairs = refined_and_restored(evidence, "fid")
    what = "FID, refined against DIP's output"
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


@dataclass(frozen=True)
class Claim:
    """A claim of the original report.

    Attributes:
        letter: what tables and page call it.
        text: what it says.
        measure: takes from the evidence what decides it.
        void: says why its figures, if there are any, say nothing; empty where they do.
    """

    letter: str
    text: str
    measure: Measure
    void: Callable[[Evidence], str] = lambda _: ""


def _greyer(suspect: str, text: str, name: str) -> Claim:
    """Return the claim that a condition with one suspect is greyer than DDPM alone."""
    pair = (name, ALONE)
    measure = lower("contrast", "contrast", pair)
    return Claim(f"d, {suspect}", f"{text} digits greyer", measure, no_digits(*pair))


CLAIMS = (
    Claim("a", "the prior makes an epoch faster", epoch_time),
    Claim(
        "b",
        "the prior makes the whole run faster",
        lower("seconds, DIP counted", "time_total_s", (COMBINED, ALONE)),
    ),
    Claim(
        "c",
        "the prior gives better shapes",
        lower("FID", "fid", (COMBINED, ALONE)),
        as_bad_as_noise(COMBINED, ALONE),
    ),
    _greyer("range", "the value range [0, 1] makes", ALONE_UNIT),
    _greyer("norm", "a denoiser that normalises its input makes", ALONE_NORM),
    _greyer("lr", "half the DDPM's learning rate makes", ALONE_LR),
    _greyer("prior", "the prior itself makes", COMBINED),
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
        lower("FID", "fid", (NOISY_COMBINED, NOISY_ALONE)),
        as_bad_as_noise(NOISY_COMBINED, NOISY_ALONE),
    ),
    Claim(
        "i, rivals",
        "there DIP helps more than classical denoisers, which take no training",
        better_than_rivals,
        as_bad_as_noise(NOISY_COMBINED, *RIVALS.values()),
    ),
    Claim(
        "j, looks",
        "the DDPM makes DIP's images more like real ones",
        realism,
        as_bad_as_noise(COMBINED),
    ),
    Claim("j, truth", "the DDPM keeps DIP's images as near to what they are of", fidelity),
)
"""All claims that are judged together; some letters ask several questions."""


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: what was judged.
        verdict: ``HOLDS``, ``DOES_NOT`` or ``CANNOT_TELL``.
        p: the two-sided p-value, corrected; NaN where nothing could be measured.
        findings: what the verdict rests on.
        note: why nothing can be told, where that is not for the effects' size.
    """

    claim: Claim
    verdict: str
    p: float
    findings: list[Finding]
    note: str


def judge(evidence: Evidence, claims: Sequence[Claim] = CLAIMS) -> list[Judged]:
    """Return the verdicts on all claims, corrected for their number.

    A claim whose parts contradict each other does not hold.
    """
    findings = [claim.measure(evidence, len(claims)) for claim in claims]
    notes = [_note(claim, found, evidence) for claim, found in zip(claims, findings, strict=True)]
    sides = [
        (math.nan, math.nan) if note else all_of(found)
        for found, note in zip(findings, notes, strict=True)
    ]
    adjusted = holm([2 * min(side) for side in sides])
    judged = []
    for claim, found, note, (p_for, p_against), p in zip(
        claims, findings, notes, sides, adjusted, strict=True
    ):
        verdict = CANNOT_TELL
        if not note and p <= ALPHA:
            verdict = HOLDS if p_for < p_against else DOES_NOT
        judged.append(Judged(claim, verdict, math.nan if note else p, found, note))
    return judged


def _note(claim: Claim, findings: list[Finding], evidence: Evidence) -> str:
    if findings and all(found.effect.n >= 2 for found in findings):
        return claim.void(evidence)
    return "too few runs have ended: an interval needs two seeds"


def table(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return the lines of ``claims.csv``: one per finding, with the claim's verdict in each."""
    return [
        {
            "claim": j.claim.letter,
            "text": j.claim.text,
            "verdict": j.verdict,
            "p_holm": j.p,
            "note": j.note,
            "what": found.what,
            **dataclasses.asdict(found.effect),
            "p_for": found.p_for,
            "p_against": found.p_against,
        }
        for j in judged
        for found in j.findings
    ]
