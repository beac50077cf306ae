"""What a claim is, and what the measures and checks of several claims share."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.analysis.inference import Finding, paired
from study.replication.condition_names import ALONE, COMBINED
from study.replication.evidence import QUALITIES, Evidence

ORIGINALS, OURS, OTHERS = "the original's", "ours", "others'"
"""Who claims it: the original report, this project, or others who had the same assignment."""

DRAWN = 0.1
"""The share of samples among real images (precision) below which there is no contrast to judge."""

Measure = Callable[[Evidence, int], list[Finding]]
"""Returns the findings that decide a claim, given how many tests are corrected for."""


@dataclass(frozen=True)
class Claim:
    """A claim about the prior.

    Attributes:
        letter: what tables and page call it.
        text: what it says.
        measure: takes from the evidence what decides it.
        void: says why its figures, if there are any, say nothing; empty where they do.
        whose: who claims it.
        needs: the conditions whose runs decide it; none where times of single steps do.
    """

    letter: str
    text: str
    measure: Measure
    void: Callable[[Evidence], str] = lambda _: ""
    whose: str = ORIGINALS
    needs: Sequence[str] = (COMBINED, ALONE)


def lower(what: str, metric: str, pair: Sequence[str]) -> Measure:
    """Return the measure of a claim that a condition has less of a metric than another, by seed."""

    def measure(evidence: Evidence, tests: int) -> list[Finding]:
        seeds = evidence.seeds(*pair)
        a, b = (evidence.values(name, metric, seeds) for name in pair)
        return [paired(f"{what}: {pair[0]} against {pair[1]}", a, b, "lower", tests)]

    return measure


def by_quality(measure: Callable[[Evidence, str, int], list[Finding]]) -> Measure:
    """Return the measure of a claim about quality, which has to hold by each network's features.

    ``measure`` is that by one of :data:`study.replication.evidence.QUALITIES`.
    """

    def by_each(evidence: Evidence, tests: int) -> list[Finding]:
        names = evidence.qualities
        return [each for name in names for each in measure(evidence, name, len(names) * tests)]

    return by_each


def lower_fid(*pair: str) -> Measure:
    """Return the measure of a claim that a condition's samples are better than another's."""
    return by_quality(
        lambda evidence, quality, tests: lower(QUALITIES[quality], quality, pair)(evidence, tests)
    )


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
    The first network's FID decides it, for both.
    """

    def check(evidence: Evidence) -> str:
        seeds = evidence.seeds(*names)
        best = min(statistics.fmean(evidence.values(name, "fid", seeds)) for name in names)
        noise = statistics.fmean(evidence.values(names[0], "fid_noise", seeds))
        return "" if best < noise else f"no nearer to real images than noise, FID {noise:.3g}"

    return check
