"""The claims about the prior, each with the effects that decide it, and their verdicts.

Most are the original report's. Others are marked: questions of ours, and a variant of others.

The four suspects of (d), that digits get greyer, are each changed alone. How they act
together is told by :mod:`study.replication.suspects`.

A measure is a function of the evidence that a study has left. Where a claim is about how
good images are (FID), it has to hold by the features of two networks, if the data have two.
Verdicts are corrected for the number of
claims (Holm). A claim is added by adding it to :data:`CLAIMS`.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.inference import Finding, all_of, holm
from study.analysis.intervals import ALPHA
from study.replication import drawing_effects, training_effects
from study.replication.claim import (
    OTHERS,
    OURS,
    Claim,
    as_bad_as_noise,
    by_quality,
    lower,
    lower_fid,
    no_digits,
)
from study.replication.condition_names import (
    ALONE,
    ALONE_LR,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    COMBINED_RAW,
    DIP_LR_SERIES,
    MIXED,
    NOISY_ALONE,
    NOISY_COMBINED,
    PRIOR_SETS,
    RIVALS,
    STD_SERIES,
    dip_lr_name,
    std_name,
)
from study.replication.evidence import Evidence

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot tell at this scale"


def _greyer(suspect: str, text: str, name: str) -> Claim:
    """Return the claim that a condition with one suspect is greyer than DDPM alone."""
    pair = (name, ALONE)
    measure = lower("contrast", "contrast", pair)
    letter, said = f"d, {suspect}", f"{text} digits greyer"
    return Claim(letter, said, measure, no_digits(*pair), OURS, pair)


CLAIMS = (
    Claim("a", "the prior makes an epoch faster", training_effects.epoch_time, needs=()),
    Claim(
        "b",
        "the prior makes the whole run faster",
        lower("seconds, DIP counted", "time_total_s", (COMBINED, ALONE)),
    ),
    Claim(
        "c",
        "the prior gives better shapes",
        lower_fid(COMBINED, ALONE),
        as_bad_as_noise(COMBINED, ALONE),
    ),
    Claim(
        "c, curve",
        "and gives them earlier in training",
        by_quality(training_effects.learns_faster),
        as_bad_as_noise(COMBINED, ALONE),
    ),
    _greyer("range", "the value range [0, 1] makes", ALONE_UNIT),
    _greyer("norm", "a denoiser that normalises its input makes", ALONE_NORM),
    _greyer("lr", "half the DDPM's learning rate makes", ALONE_LR),
    _greyer("prior", "the prior itself makes", COMBINED),
    Claim(
        "e",
        "the higher the std, the less precise",
        by_quality(training_effects.std_series),
        as_bad_as_noise(*map(std_name, STD_SERIES)),
        needs=[*map(std_name, STD_SERIES)],
    ),
    Claim(
        "f",
        "the higher dip_lr, the less clear",
        by_quality(training_effects.dip_lr_series),
        as_bad_as_noise(*map(dip_lr_name, DIP_LR_SERIES)),
        needs=[*map(dip_lr_name, DIP_LR_SERIES)],
    ),
    Claim(
        "g, steps",
        "from a noised prior the same DDPM needs fewer steps",
        by_quality(drawing_effects.fewer_steps),
        as_bad_as_noise(COMBINED),
        needs=[COMBINED],
    ),
    Claim(
        "g, seconds",
        "and fewer seconds to a given FID",
        by_quality(drawing_effects.sooner),
        as_bad_as_noise(COMBINED),
        needs=[COMBINED],
    ),
    Claim(
        "g, in all",
        "and fewer with the seconds of DIP counted",
        by_quality(drawing_effects.sooner_in_all),
        as_bad_as_noise(COMBINED),
        OURS,
        [COMBINED],
    ),
    Claim(
        "g, copies",
        "what they draw is new, no copy of start or training images",
        drawing_effects.new_digits,
        whose=OURS,
        needs=[COMBINED],
    ),
    Claim(
        "h",
        "time per iteration does not depend on learning rates and std",
        training_effects.same_time,
        needs=(),
    ),
    Claim(
        "i",
        "where only noisy images exist the prior helps",
        lower_fid(NOISY_COMBINED, NOISY_ALONE),
        as_bad_as_noise(NOISY_COMBINED, NOISY_ALONE),
        OURS,
        [NOISY_COMBINED, NOISY_ALONE],
    ),
    Claim(
        "i, rivals",
        "there DIP helps more than classical denoisers, which take no training",
        training_effects.better_than_rivals,
        as_bad_as_noise(NOISY_COMBINED, *RIVALS.values()),
        OURS,
        [NOISY_COMBINED, *RIVALS.values()],
    ),
    Claim(
        "j, looks",
        "the DDPM makes DIP's images more like real ones",
        by_quality(drawing_effects.realism),
        as_bad_as_noise(COMBINED),
        OURS,
        [COMBINED],
    ),
    Claim(
        "j, truth",
        "the DDPM keeps DIP's images as near to what they are of",
        drawing_effects.fidelity,
        whose=OURS,
        needs=[COMBINED],
    ),
    Claim(
        "k",
        "the result depends on the prior: the truer its images, the better",
        by_quality(training_effects.depends_on_prior),
        as_bad_as_noise(*PRIOR_SETS),
        needs=PRIOR_SETS,
    ),
    Claim(
        "l",
        "DIP trains fast: in less time than the DDPM",
        training_effects.trains_fast,
        needs=[COMBINED],
    ),
    Claim(
        "m",
        "DIP emphasises the strokes",
        training_effects.emphasises_strokes,
        needs=[COMBINED_RAW],
    ),
    Claim(
        "n",
        "with x_T mixed of noise and prior images few steps draw better and new digits",
        drawing_effects.mixed_start,
        as_bad_as_noise(MIXED, ALONE),
        OTHERS,
        [MIXED, ALONE],
    ),
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

    A claim whose parts contradict each other does not hold. In a design whose seeds come in groups
    a claim is judged at each look at which all its conditions have that many seeds. The first look
    that decides it counts. Its p-value is corrected for the share of the error that it may spend.
    """
    if evidence.looks is None:
        return _judged(evidence, claims, 1.0)
    found = _judged(evidence.up_to(0), claims, 1.0)  # before the first look
    for seeds, level in evidence.looks.up_to_now(evidence.most_seeds, ALPHA):
        part = evidence.up_to(seeds)
        for place, each in enumerate(_judged(part, claims, level / ALPHA)):
            if found[place].verdict == CANNOT_TELL and part.has_all(each.claim.needs, seeds):
                found[place] = each
    return found


def _judged(evidence: Evidence, claims: Sequence[Claim], share: float) -> list[Judged]:
    """Return the verdicts of one look, which may spend a share of the error."""
    findings = [claim.measure(evidence, len(claims)) for claim in claims]
    notes = [_note(claim, found, evidence) for claim, found in zip(claims, findings, strict=True)]
    sides = [
        (math.nan, math.nan) if note else all_of(found)
        for found, note in zip(findings, notes, strict=True)
    ]
    adjusted = [min(1.0, p / share) for p in holm([2 * min(side) for side in sides])]
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
            "whose": j.claim.whose,
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
