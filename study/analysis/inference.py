"""Effects, and the tests that decide claims by them, corrected for their number.

An effect is a ratio, estimated on logarithms and paired by seed or by round. A claim of an effect
holds where the effect is surely larger than a margin. It does not hold where the effect is surely
smaller than that, none or the opposite included: one two-sided t-test against the margin.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from study.analysis.intervals import Mean, detectable, mean_of

MARGIN = 0.02
"""The relative difference within which two values count as equal."""

Means = tuple[float, float]
"""Two geometric means: of what is compared, and of its baseline."""

Claimed = Literal["lower", "higher"]
"""The side of its baseline on which a claim says that something is."""

UNKNOWN: Means = (math.nan, math.nan)
"""The means where the ratio alone has a meaning."""


@dataclass(frozen=True)
class Effect:
    """How much one thing differs from another, as a ratio.

    Attributes:
        n: pairs that both have a value for.
        mean, baseline_mean: geometric means; NaN where the ratio alone has a meaning.
        ratio: geometric mean of the pairs' ratios; 1 is no difference.
        low, high: the 95 % t-interval of the ratio, not corrected for other tests.
        detectable: the smallest relative difference that this design finds with 80 % power.
    """

    n: int
    mean: float
    baseline_mean: float
    ratio: float
    low: float
    high: float
    detectable: float


def log_ratios(a: Sequence[float], b: Sequence[float]) -> tuple[list[float], Means]:
    """Return the logarithms of ``a / b`` pair by pair, and the geometric means of both.

    A pair in which a value is missing (NaN), infinite or not positive is left out.
    """
    pairs = [pair for pair in zip(a, b, strict=True) if all(0 < v < math.inf for v in pair)]
    if not pairs:
        return [], UNKNOWN
    one, other = zip(*pairs, strict=True)
    logs = [math.log(x / y) for x, y in pairs]
    return logs, (statistics.geometric_mean(one), statistics.geometric_mean(other))


def effect(
    logs: Sequence[float],
    means: Means = UNKNOWN,
    tests: float = 1,
    margin: float = 0.0,
) -> Effect:
    """Return the effect that log ratios show; of fewer than two there is no interval.

    ``tests`` and ``margin`` are those of :func:`detectable`.
    """
    if len(logs) < 2:
        ratio = math.exp(logs[0]) if logs else math.nan
        return Effect(len(logs), *means, ratio, math.nan, math.nan, math.nan)
    mean = mean_of(logs)
    low, high = mean.interval()
    found = detectable(mean, tests, margin)
    return Effect(len(logs), *means, math.exp(mean.value), math.exp(low), math.exp(high), found)


@dataclass(frozen=True)
class Finding:
    """An effect that decides a claim, or a part of it.

    Attributes:
        what: what is compared with what.
        effect: the figures.
        p_for: one-sided p-value of the data if the claim were false; NaN of fewer than two values.
        p_against: one-sided p-value of the data if the claim were true.
        claimed: the ratios between which the claim is true.
    """

    what: str
    effect: Effect
    p_for: float
    p_against: float
    claimed: tuple[float, float]


def differs(
    what: str,
    logs: Sequence[float],
    claimed: Claimed,
    tests: int,
    *,
    margin: float = MARGIN,
    means: Means = UNKNOWN,
) -> Finding:
    """Test the claim that log ratios are ``lower`` or ``higher`` than 0, by more than a margin.

    With a negative ``margin`` the claim is non-inferiority: that they are not on the other side of
    0 by more than that. ``tests`` is how many are corrected for, parts of a claim included.
    """
    logs = [value for value in logs if math.isfinite(value)]
    found = effect(logs, means, tests, abs(margin))
    limit = math.copysign(math.log1p(abs(margin)), margin)
    true = (0.0, math.exp(-limit)) if claimed == "lower" else (math.exp(limit), math.inf)
    if found.n < 2:
        return Finding(what, found, math.nan, math.nan, true)
    mean = mean_of(logs)
    if claimed == "lower":
        return Finding(what, found, mean.p_below(-limit), mean.p_above(-limit), true)
    return Finding(what, found, mean.p_above(limit), mean.p_below(limit), true)


def paired(
    what: str,
    a: Sequence[float],
    b: Sequence[float],
    claimed: Claimed,
    tests: int,
    margin: float = MARGIN,
) -> Finding:
    """Test the claim that ``a`` is ``lower`` or ``higher`` than ``b``, paired by their order."""
    logs, means = log_ratios(a, b)
    return differs(what, logs, claimed, tests, margin=margin, means=means)


def equal(what: str, logs: Sequence[float], tests: int, margin: float = MARGIN) -> Finding:
    """Test the claim that no effect goes beyond the margin, on either side."""
    found = effect(logs, tests=2 * tests, margin=margin)  # a larger one can be on either side
    true = (1 / (1 + margin), 1 + margin)
    if found.n < 2:
        return Finding(what, found, math.nan, math.nan, true)
    mean, limit = mean_of(logs), math.log1p(margin)
    outside = min(mean.p_above(limit), mean.p_below(-limit))
    return Finding(what, found, p_within(mean, limit), min(1.0, 2 * outside), true)


def p_within(mean: Mean, limit: float) -> float:
    """Return the p-value for a true mean within ±``limit``: two one-sided tests.

    Source: Schuirmann (1987), "A comparison of the two one-sided tests procedure".
    """
    return max(mean.p_below(limit), mean.p_above(-limit))


def all_of(findings: Iterable[Finding]) -> tuple[float, float]:
    """Return the p-values for and against a claim that needs all of its parts.

    The weakest part decides for it (intersection-union test, Berger 1982). One part that fails is
    enough against it, corrected for the number of parts (Bonferroni).
    """
    findings = list(findings)
    if not findings or any(math.isnan(found.p_for) for found in findings):
        return math.nan, math.nan
    against = min(1.0, len(findings) * min(found.p_against for found in findings))
    return max(found.p_for for found in findings), against


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979); NaN counts as a test of p = 1."""
    filled = [1.0 if math.isnan(p) else p for p in p_values]
    order = sorted(range(len(filled)), key=lambda i: filled[i])
    adjusted, largest = [1.0] * len(filled), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(filled) - place) * filled[index]))
        adjusted[index] = largest
    return adjusted
