"""What a mean of few values allows to say: its t-interval, its tests, and what they can detect."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize, special, stats

ALPHA = 0.05
CONFIDENCE = 1 - ALPHA
POWER = 0.8
"""The probability with which a detectable difference is found."""

LARGE = 1000.0
"""Standard errors beyond which scipy's non-central t distribution has no values."""


@dataclass(frozen=True)
class Mean:
    """The mean of a sample, with what Student's t distribution needs to judge it.

    Attributes:
        value: the mean.
        error: its standard error.
        freedom: degrees of freedom, one less than there are values.
    """

    value: float
    error: float
    freedom: int

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of the two-sided t-interval."""
        return _quantile(0.5 + confidence / 2, self.freedom) * self.error

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return both ends of the two-sided t-interval."""
        half = self.half_width(confidence)
        return self.value - half, self.value + half

    def p_above(self, limit: float) -> float:
        """Return the one-sided p-value for a true mean above ``limit``."""
        return self._p(self.value - limit)

    def p_below(self, limit: float) -> float:
        """Return the one-sided p-value for a true mean below ``limit``."""
        return self._p(limit - self.value)

    def _p(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self.freedom, -distance / self.error))


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of two values or more."""
    n = len(values)
    value = math.fsum(values) / n
    variance = math.fsum((each - value) ** 2 for each in values) / (n - 1)
    return Mean(value, math.sqrt(variance / n), n - 1)


def detectable(mean: Mean, tests: float = 1, margin: float = 0.0) -> float:
    """Return the smallest relative difference that a repetition would find with 80 % power.

    It solves for the power of the t-test, by the non-central t distribution.

    Args:
        mean: a mean of log ratios, whose standard error and degrees of freedom count.
        tests: how many tests share the level of 5 %: each is two-sided at 5 % / ``tests``.
        margin: the relative difference that has to be exceeded for a difference to count.
    """
    exponent = math.log1p(margin) + _noncentrality(tests, mean.freedom) * mean.error
    return math.expm1(exponent) if exponent < 700 else math.inf  # beyond it floats overflow


@functools.cache
def _noncentrality(tests: float, freedom: int) -> float:
    """Return the true mean, in standard errors, at which the t-test has 80 % power."""
    critical = _quantile(1 - ALPHA / (2 * tests), freedom)
    if critical > LARGE:  # the sample's deviation alone decides then, by its own 80 % quantile
        return critical * math.sqrt(float(stats.chi2.ppf(POWER, freedom)) / freedom)

    def lacking(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, freedom, noncentrality)) - POWER

    return float(optimize.brentq(lacking, 0, 10 * critical))


@functools.cache
def _quantile(p: float, freedom: int) -> float:
    return float(special.stdtrit(freedom, p))
