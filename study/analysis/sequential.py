"""Looking at results while seeds are added, without paying for it in false alarms.

A fixed design is run in groups of seeds and looked at after each. A comparison stops at the look
that decides it. Each look may spend a share of the error that the whole may make, so that a verdict
errs no more often than it says, however many looks there are (Bonferroni; the idea of spending is
that of Lan & DeMets 1983).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

GROUPS = (4, 6, 9, 12, 16)
"""Seeds after which a confirmation looks; then half as many again each time: 24, 36, 54 …"""

KEPT = 0.1
"""The share of the error that is kept for looks beyond the plan: each takes half of the rest."""


@dataclass(frozen=True)
class Looks:
    """The numbers of seeds after which there is a look.

    Attributes:
        planned: those that were planned when the design began, ascending. They share the error
            evenly, but for what is kept.
    """

    planned: tuple[int, ...]

    @classmethod
    def up_to(cls, most: int) -> "Looks":
        """Return the plan of a design of at most ``most`` seeds, 1 or more."""
        return cls((*(n for n in GROUPS if n < most), most))

    def up_to_now(self, seeds: int) -> list[tuple[int, float]]:
        """Return the looks at up to ``seeds`` seeds: their seeds and their shares of the error."""
        return list(itertools.takewhile(lambda look: look[0] <= seeds, self._all()))

    def after(self, seeds: int) -> int:
        """Return the seeds of the first look at more than ``seeds`` seeds."""
        return next(n for n, _ in self._all() if n > seeds)

    def __contains__(self, seeds: object) -> bool:
        """Return whether there is a look at that number of seeds."""
        return isinstance(seeds, int) and self.after(seeds - 1) == seeds

    def _all(self) -> Iterator[tuple[int, float]]:
        last = self.planned[-1]
        for seeds in self.planned:
            yield seeds, (1 - KEPT) / len(self.planned)
        share = KEPT / 2
        for seeds in itertools.chain(GROUPS, _larger()):
            if seeds > last:
                yield seeds, share
                share /= 2


def _larger() -> Iterator[int]:
    seeds = GROUPS[-1]
    while True:
        seeds = math.ceil(seeds * 1.5)
        yield seeds
