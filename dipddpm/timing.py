"""Honest clocks: on a GPU, work is timed where it runs, not where it is queued."""

import time
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch


def now(device: torch.device) -> float:
    """Return a clock's seconds, after all work queued on ``device`` has ended."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class StepClock:
    """A clock for consecutive steps that does not make the device wait in between.

    Call :meth:`tick` before the first step and after each one, then :meth:`collect`.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._ticks: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def tick(self) -> None:
        """Mark this moment in the work of the device."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._events.append(event)
        else:
            self._ticks.append(time.perf_counter())

    def collect(self) -> list[float]:
        """Return the seconds of each step since the last collection."""
        if self._events:
            torch.cuda.synchronize(self.device)
            pairs = pairwise(self._events)
            seconds = [a.elapsed_time(b) / 1000 for a, b in pairs]  # it counts milliseconds
        else:
            seconds = [b - a for a, b in pairwise(self._ticks)]
        self._events, self._ticks = [], []
        return seconds


def interleaved(
    work: Mapping[str, Callable[[], object]], repeats: int, device: torch.device, calls: int = 1
) -> dict[str, list[float]]:
    """Time functions in turns, so that all meet the same machine; return seconds per call.

    The first two calls of each are not timed: allocators and kernels settle in them.

    Args:
        work: the functions by name.
        repeats: how many times each has its turn.
        calls: calls per turn.
    """
    for function in work.values():
        function()
        function()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, function in work.items():
            start = now(device)
            for _ in range(calls):
                function()
            seconds[name].append((now(device) - start) / calls)
    return seconds
