"""The axis of ratios that the rows of a table share, each with its interval in a cell."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDEST = 20.0
"""A ratio beyond which an interval is cut off, so that one row does not flatten all others."""


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis of ratios."""

    low: float
    high: float

    def at(self, ratio: float) -> float:
        """Return the place of a ratio in per cent of the axis, cut off at its ends."""
        inside = min(max(ratio, self.low), self.high)
        return round(100 * math.log(inside / self.low) / math.log(self.high / self.low), 2)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Return the ratios that are marked; 1 is among them."""
        marked: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
        if self.high / self.low < 4:
            marked = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0)
        return tuple(tick for tick in marked if self.low <= tick <= self.high)


def axis_of(ratios: Iterable[float | None]) -> Axis:
    """Return an axis that holds the ratios, as far as they are not beyond bounds, and 1."""
    known = [ratio for ratio in ratios if ratio]
    low, high = max(min(known, default=0.9), 1 / WIDEST), min(max(known, default=1.1), WIDEST)
    return Axis(min(low, 0.95) / 1.05, max(high, 1.05) * 1.05)
