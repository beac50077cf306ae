"""Numbers as a person writes them."""

from typing import Any

TENFOLD = 9.0
"""A relative difference past which a number says no more."""


def short(value: Any) -> str:
    """Return a value as text for reading: floats with three significant digits, 6510 and no 6.5e3.

    Only beyond six digits, and below 0.0001, has it an exponent.
    """
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else str(value)


def percent(difference: float, beyond: str) -> str:
    """Return a relative difference in per cent; ``beyond`` where it is tenfold, or not known."""
    return f"{difference:.0%}" if difference < TENFOLD else beyond
