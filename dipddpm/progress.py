"""How progress leaves the library: a callback, so that it knows no progress bar and no tuner."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""A callback ``progress(stage, done, total)``; stages are "features" (steps, where features
are trained), "dip" (steps) and "ddpm" (epochs)."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore the progress."""
