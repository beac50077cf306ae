"""The tests that decide claims: one effect at a time, and corrected for their number.

All on logarithms of ratios, paired by seed or by round. A claim of an effect holds where the effect
is surely larger than a margin, and does not where it is surely smaller, none or the opposite
included: one t-test against the margin, two-sided.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import optimize, stats

from study.analysis.comparison import CONFIDENCE, MARGIN, POWER, moments

ALPHA = 1 - CONFIDENCE


@dataclass(frozen=True)
class Effect:
    """A figure that decides a claim, or a part of it."""

    what: str
    n: int
    mean: float
    """Geometric, as are the baseline's and the ratio's; NaN where the ratio alone has a meaning."""
    baseline_mean: float
    ratio: float
    low: float
    high: float
    """The 95 % t-interval of the ratio, not corrected."""
    detectable: float
    """The smallest relative difference that would have been seen 4 times in 5 at the level that
    the correction asks of its strictest claim."""
    p_for: float
    """One-sided, of the data if the claim were false; NaN with fewer than two values."""
    p_against: float
    """One-sided, of the data if the claim were true."""


def effect(
    what: str,
    logs: Sequence[float],
    claimed: str,
    tests: int,
    *,
    margin: float = MARGIN,
    means: tuple[float, float] = (math.nan, math.nan),
) -> Effect:
    """From log ratios, which the claim says to be ``lower`` or ``higher`` than 0.

    With a negative ``margin`` the claim is that they are not on the other side of 0 by more than
    that: that nothing is lost. ``tests`` is how many are corrected for, parts of a claim included.
    """
    logs = [value for value in logs if math.isfinite(value)]
    if len(logs) < 2:
        ratio = math.exp(logs[0]) if logs else math.nan
        nan = math.nan
        return Effect(what, len(logs), *means, ratio, nan, nan, nan, nan, nan)
    mean, error, freedom = moments(logs)
    sign = -1 if claimed == "lower" else 1
    beyond = sign * mean - math.copysign(math.log1p(abs(margin)), margin)
    half = _quantile(1 - ALPHA / 2, freedom) * error
    return Effect(
        what,
        len(logs),
        *means,
        math.exp(mean),
        math.exp(mean - half),
        math.exp(mean + half),
        _detectable(error, freedom, tests, abs(margin)),
        p_for=_above(beyond, error, freedom),
        p_against=_above(-beyond, error, freedom),
    )


def paired(
    what: str,
    a: Sequence[float],
    b: Sequence[float],
    claimed: str,
    tests: int,
    margin: float = MARGIN,
) -> Effect:
    """The effect of ``a`` against ``b``, positive values paired by their order."""
    pairs = [pair for pair in zip(a, b, strict=True) if all(v > 0 for v in pair)]  # NaN is not
    logs = [math.log(x / y) for x, y in pairs]
    means = (math.nan, math.nan)
    if pairs:
        means = tuple(statistics.geometric_mean(values) for values in zip(*pairs, strict=True))  # type: ignore[assignment]
    return effect(what, logs, claimed, tests, margin=margin, means=means)


def equal(what: str, logs: Sequence[float], tests: int, margin: float = MARGIN) -> Effect:
    """The claim that no effect goes beyond the margin: two one-sided tests (Schuirmann 1987)."""
    found = effect(what, logs, "higher", 2 * tests, margin=margin)  # outside on either side
    if found.n < 2:
        return found
    mean, error, freedom = moments(logs)
    limit = math.log1p(margin)
    p_for = max(_above(limit - mean, error, freedom), _above(limit + mean, error, freedom))
    outside = min(_above(mean - limit, error, freedom), _above(-mean - limit, error, freedom))
    return dataclasses.replace(found, p_for=p_for, p_against=min(1.0, 2 * outside))


def all_of(effects: Iterable[Effect]) -> tuple[float, float]:
    """p for and against a claim that needs all of its parts.

    For: the weakest part decides (intersection-union, Berger 1982). Against: one part that fails is
    enough, corrected for the number of parts (Bonferroni).
    """
    effects = list(effects)
    if not effects or any(math.isnan(e.p_for) for e in effects):
        return math.nan, math.nan
    against = min(1.0, len(effects) * min(e.p_against for e in effects))
    return max(e.p_for for e in effects), against


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979); NaN counts as a test that shows nothing."""
    filled = [1.0 if math.isnan(p) else p for p in p_values]
    order = sorted(range(len(filled)), key=lambda i: filled[i])
    adjusted, largest = [1.0] * len(filled), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(filled) - place) * filled[index]))
        adjusted[index] = largest
    return adjusted


def _quantile(p: float, freedom: int) -> float:
    return float(stats.t.ppf(p, freedom))


def _above(distance: float, error: float, freedom: int) -> float:
    """p of a mean so far above a limit, if it were at the limit."""
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(stats.t.sf(distance / error, freedom))


def _detectable(error: float, freedom: int, tests: int, margin: float) -> float:
    """Beyond the margin, by the t-test's power, from the non-central t distribution."""
    critical = _quantile(1 - ALPHA / (2 * tests), freedom)

    def lacking(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, freedom, noncentrality)) - POWER

    exponent = math.log1p(margin) + float(optimize.brentq(lacking, 0, 10 * critical)) * error
    return math.expm1(exponent) if exponent < 700 else math.inf
