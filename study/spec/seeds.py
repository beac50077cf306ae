"""Which seeds a study uses for what, so that no setting is run twice with the same one.

A search runs each setting with the study's seed. The confirmation's seeds follow it, and those of
replicates lie beyond them.
"""

import itertools
from collections.abc import Iterator

MAX_CONFIRMED = 999
"""The most seeds of a confirmation; replicates have those beyond."""

_SEEDS = 2**32


def search_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of a setting in a search: the study's, then those of its replicates."""
    yield seed
    for number in itertools.count(1):
        yield (seed + MAX_CONFIRMED + number) % _SEEDS


def confirmation_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of a confirmation, none of which the search uses; at most 999."""
    return [(seed + 1 + number) % _SEEDS for number in range(count)]
