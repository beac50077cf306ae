"""Explicit randomness: every consumer draws from a generator of its own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def _number(seed: int, purpose: tuple[str | int, ...]) -> int:
    key = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1  # 63 bits


def generator(
    seed: int, *purpose: str | int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a generator that depends on nothing but ``seed`` and ``purpose``.

    Purposes (``"dip"``, ``"evaluation", 3``) keep streams independent: drawing more in one stage
    does not move the numbers of another, and an evaluation repeated after a restart draws the
    same noise.
    """
    return torch.Generator(device).manual_seed(_number(seed, purpose))


@contextmanager
def seeded_global(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed the CPU's global generator inside the block and put it back afterwards.

    Some code takes no generator: PyTorch's layer initialisers, torchmetrics' subsets.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_number(seed, purpose))
        yield
