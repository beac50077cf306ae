"""Numbers as a person writes them."""

from typing import Any


def short(value: Any) -> str:
    """Return a value as text for reading: floats with three significant digits, 6510 and no 6.5e3.

    Only beyond six digits, and below 0.0001, has it an exponent.
    """
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else str(value)
