"""The most device memory that a trial has held.

A trial that needs no torch imports none here, which would take its process longer than Ray itself.
"""

import sys
from typing import Any


def _cuda() -> Any | None:
    """Return torch's part for GPUs, if this process has used one."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_initialized() else None


def forget_peak() -> None:
    """Begin to measure anew."""
    if cuda := _cuda():
        cuda.reset_peak_memory_stats()


def peak_gb() -> float | None:
    """Return the most device memory since then [GB]; None where no GPU has been used."""
    cuda = _cuda()
    return round(cuda.max_memory_allocated() / 1e9, 3) if cuda else None
