"""What is said of claims and of the loader, in words."""

import math
from collections.abc import Sequence

from study.analysis.inference import Finding
from study.page.numbers import change, short
from study.problem.published import ORIGINAL_STEPS_PER_EPOCH, PUBLISHED_ALONE, PUBLISHED_COMBINED
from study.replication.claims import Judged
from study.replication.loader_effect import LoaderEffect

MANY = 4
"""Findings of a claim that are told one by one."""


def claim_text(judged: Judged) -> str:
    """Return the claim, its verdict and its findings."""
    claim = judged.claim
    return f"({claim.letter}) {claim.text}: {judged.verdict}. {details_text(judged)}"


def details_text(judged: Judged) -> str:
    """Return all findings, or of many the one that speaks least for the claim."""
    measured = [found for found in judged.findings if found.effect.n >= 2]
    told = [finding_text(found) for found in measured]
    if len(told) > MANY:
        told = [f"of {len(told)} comparisons the least sure: {finding_text(weakest(measured))}"]
    text = "; ".join([judged.note, *told] if judged.note else told)
    return f"{text[0].upper()}{text[1:]}."


def weakest(findings: Sequence[Finding]) -> Finding:
    """Return the finding that speaks least for its claim."""
    return max(findings, key=lambda found: found.p_for)


def finding_text(found: Finding) -> str:
    """Return ``FID: A against B 6.9 and 6.1, ratio 1.13 [1.05, 1.22], n 5``, and what else."""
    effect, means = found.effect, ""
    if not math.isnan(effect.mean):
        means = f" {short(effect.mean)} and {short(effect.baseline_mean)},"
    seen = change(effect.detectable, "nothing below tenfold")
    return (
        f"{found.what}{means} ratio {effect.ratio:.3g} [{effect.low:.3g}, {effect.high:.3g}], "
        f"n {effect.n}, {seen} would have been seen"
    )


def loader_text(effect: LoaderEffect) -> str:
    """Return what the loader costs, against the original's difference between its two loops."""
    published = PUBLISHED_ALONE.per_iteration_s, PUBLISHED_COMBINED[0][1].per_iteration_s
    alone, combined = (seconds or 0.0 for seconds in published)
    per_image, in_memory = (
        (effect.network + loader) * ORIGINAL_STEPS_PER_EPOCH
        for loader in (effect.per_image, effect.in_memory)
    )
    whole, low, high = (seconds * ORIGINAL_STEPS_PER_EPOCH for seconds in effect.difference)
    return (
        f"A batch costs {effect.per_image * 1e3:.2f} ms by torchvision's MNIST, one image at a "
        f"time, {effect.in_memory * 1e3:.2f} ms by a DataLoader over a TensorDataset and "
        f"{effect.indexed * 1e3:.2f} ms by indexing; the network alone {effect.network * 1e3:.1f} "
        f"ms. Sums of network and the first two over {ORIGINAL_STEPS_PER_EPOCH} batches: "
        f"{per_image:.2f} and {in_memory:.2f} s here, a difference of "
        f"{per_image - in_memory:.2f} s; the whole loops, measured interleaved, "
        f"differ by {whole:.2f} s [{low:.2f}, {high:.2f}]. "
        f"The original report, on its GPU: {alone:.2f} and {combined:.2f} s, "
        f"a difference of {alone - combined:.2f} s, and calls it the prior's."
    )
