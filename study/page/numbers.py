"""Numbers as a person writes them."""

from typing import Any

TENFOLD = 9.0
"""A relative difference past which a number says no more."""


def short(value: Any) -> str:
    """Return a value as text for reading: floats with three significant digits, 6510 and no 6.5e3.

    Only beyond six digits, and below 0.0001, has it an exponent.
    """
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else str(value)


def apart(ratio: float) -> str:
    """Return how far a value lies from another, by their ratio: ``5% above`` or ``12 times``."""
    if ratio >= 2:
        return f"{short(float(f'{ratio:.2g}'))} times" if ratio < TENFOLD**3 else "far above"
    return f"{ratio - 1:.0%} above" if ratio >= 1 else f"{1 - ratio:.0%} below"


def change(difference: float, beyond: str) -> str:
    """Return a relative difference, up or down: ``46%``, or from 100 % on ``a factor of 2.7``.

    ``beyond`` stands for one that is tenfold or not known.
    """
    if difference < 1:
        return f"{difference:.0%}"
    return f"a factor of {1 + difference:.1f}" if difference < TENFOLD else beyond
