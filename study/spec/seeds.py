"""Which seeds a study uses for what, so that no setting is run twice with the same one.

A search runs each setting with the study's own seed. Everything else has seeds from a block of a
thousand that belongs to that seed: the confirmation from its beginning, replicates from its middle.
So studies with different seeds confirm with different ones.
"""

import itertools
from collections.abc import Iterator

MAX_CONFIRMED = 499
"""The most seeds of a confirmation; replicates have those beyond."""

_BLOCK = 1000
_SEEDS = 2**32


def search_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of a setting in a search: the study's, then those of its replicates."""
    yield seed
    for number in itertools.count(MAX_CONFIRMED + 1):
        yield _of_block(seed, number)


def confirmation_seeds(seed: int, count: int) -> list[int]:
    """Return the first seeds of a confirmation, at most 499."""
    return [_of_block(seed, number) for number in range(1, count + 1)]


def _of_block(seed: int, number: int) -> int:
    return (_BLOCK * (seed + 1) + number) % _SEEDS
