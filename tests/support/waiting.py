"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable

HANG_S = 600.0  # only what hangs takes as long, however slow or busy the machine


def wait_until(
    holds: Callable[[], object], *, every_s: float = 0.05, why_not: Callable[[], object] = str
) -> None:
    """Until something holds; what never does ends the test, with the reason that is asked for."""
    deadline = time.monotonic() + HANG_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {HANG_S:g} s: {why_not()}")
        time.sleep(every_s)
