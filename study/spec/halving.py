"""Successive halving as arithmetic: its rungs, and what they save."""

import itertools
import math


def rungs(grace_period: float, reduction_factor: float, maximum: float) -> list[float]:
    """Return the resources at which trials are compared, all below ``maximum``, ascending.

    They are grace_period · reduction_factor^k for k = 0, 1, … (Li et al. 2020, Algorithm 2).
    """
    found, rung = [], float(grace_period)
    while rung < maximum * (1 - 1e-9):  # powers of the factor are rounded
        found.append(rung)
        rung *= reduction_factor
    return found


def places(trials: int, reduction_factor: float, more_will_come: bool = True) -> int:
    """Return how many of a rung's trials go on: one in ``reduction_factor``.

    That is rounded down while more trials may come to the rung, and up when none will: one goes on
    at least.
    """
    share = trials / reduction_factor
    return math.floor(share + 1e-9) if more_will_come else math.ceil(share - 1e-9)


def expected_resource(
    maximum: float, grace_period: float, reduction_factor: float, share_that_goes_on: float
) -> float:
    """Return the mean resource of a trial, of which a given share goes on at each rung."""
    levels = [*rungs(grace_period, reduction_factor, maximum), float(maximum)]
    spent, share = levels[0], 1.0
    for rung, above in itertools.pairwise(levels):
        share *= share_that_goes_on
        spent += share * (above - rung)
    return spent
