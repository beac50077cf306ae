"""Looking at results while seeds are added, without paying for it in false alarms.

A fixed design is run in groups of seeds and looked at after each. A comparison stops at the look
that decides it. The looks share one error: group-sequential tests, of which each spends a part of
the error that was fixed beforehand (Lan & DeMets 1983). By n of N planned seeds the share (n / N)²
is spent (Kim & DeMets 1987, ρ = 2).
"""

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

GROUPS = (4, 6, 9, 12, 16)
"""Seeds after which a confirmation looks; then half as many again each time: 24, 36, 54 …"""

KEPT = 0.1
"""The share of the error that is kept for looks beyond the plan: each takes half of the rest."""

EXPONENT = 2
"""ρ: the larger, the less is spent early, on few seeds of which little can be said."""

GRID = 201
"""Points at which the density of a mean that has not been decided on is kept."""


@dataclass(frozen=True)
class Looks:
    """The numbers of seeds after which there is a look.

    Attributes:
        planned: those that were planned when the design began, ascending. They share the error,
            but for what is kept.
    """

    planned: tuple[int, ...]

    @classmethod
    def up_to(cls, most: int) -> "Looks":
        """Return the plan of a design of at most ``most`` seeds, 1 or more."""
        return cls((*(n for n in GROUPS if n < most), most))

    def up_to_now(self, seeds: int, error: float) -> list[tuple[int, float]]:
        """Return the looks at up to ``seeds`` seeds, and the level of a two-sided test at each.

        Args:
            seeds: how many there are.
            error: the probability with which any of the looks, however many there are, may find a
                difference where there is none.
        """
        return list(itertools.takewhile(lambda look: look[0] <= seeds, self._all(error)))

    def after(self, seeds: int) -> int:
        """Return the seeds of the first look at more than ``seeds`` seeds."""
        return next(n for n in self._seeds() if n > seeds)

    def last(self, seeds: int) -> int:
        """Return the seeds of the last look at up to ``seeds`` seeds, of which there is one."""
        return list(itertools.takewhile(lambda n: n <= seeds, self._seeds()))[-1]

    def _seeds(self) -> Iterator[int]:
        yield from self.planned
        yield from (n for n in itertools.chain(GROUPS, _larger()) if n > self.planned[-1])

    def _all(self, error: float) -> Iterator[tuple[int, float]]:
        levels = planned_levels(self.planned, (1 - KEPT) * error)
        beyond = (KEPT * error / 2**i for i in itertools.count(1))
        yield from zip(self._seeds(), itertools.chain(levels, beyond), strict=False)


def _larger() -> Iterator[int]:
    seeds = GROUPS[-1]
    while True:
        seeds = math.ceil(seeds * 1.5)
        yield seeds


@functools.cache
def planned_levels(looks: tuple[int, ...], error: float) -> tuple[float, ...]:
    """Return the levels of two-sided tests at looks that together err with probability ``error``.

    Each level is such that a sum of normal values first leaves its limits at that look with the
    probability that the look may spend, by recursion over the densities of the sums that have not
    left them yet (Armitage, McPherson & Rowe 1969; Jennison & Turnbull 2000, chapters 7 and 19).
    They are used as levels of t-tests, as Pocock (1977) proposed.
    """
    levels, spent, before = [], 0.0, 0
    at, mass = np.zeros(1), np.ones(1)  # where the sum can be, and with which probability
    for seeds in looks:
        deviation = math.sqrt(seeds - before)
        may_spend = error * (seeds / looks[-1]) ** EXPONENT - spent
        limit = _limit(at, mass, deviation, may_spend)
        levels.append(2 * float(special.ndtr(-limit / math.sqrt(seeds))))
        points, step = np.linspace(-limit, limit, GRID, retstep=True)
        weights = np.full(GRID, step)
        weights[[0, -1]] /= 2
        distances = (points[:, None] - at) / deviation  # (GRID, points before)
        density = np.exp(-(distances**2) / 2) @ mass / (deviation * math.sqrt(2 * math.pi))
        at, mass = points, weights * density
        spent, before = spent + may_spend, seeds
    return tuple(levels)


def _limit(at: np.ndarray, mass: np.ndarray, deviation: float, probability: float) -> float:
    """Return the limit that a sum leaves with that probability by its next normal step."""

    def excess(limit: float) -> float:
        tails = special.ndtr((-limit - at) / deviation) + special.ndtr((at - limit) / deviation)
        return float(mass @ tails) - probability

    return float(optimize.brentq(excess, 0, np.abs(at).max() + 12 * deviation))
