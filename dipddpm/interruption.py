"""Ctrl-C and SIGTERM: one line and an exit status, in place of a traceback."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], None]


class Interrupted(KeyboardInterrupt):
    """A signal asks this process to end.

    Attributes:
        number: the signal.
        advice: how to go on, if something is left to go on with; else empty.
    """

    def __init__(self, number: int, advice: str = "") -> None:
        super().__init__(number, advice)
        self.number, self.advice = number, advice

    @property
    def exit_status(self) -> int:
        """The exit status of the process, as shells have it."""
        return 128 + self.number


class Hold:
    """Handler that raises :class:`Interrupted`, at once or at the next good moment.

    Attributes:
        holds: whether a first signal waits for :meth:`release`; a second one never does.
    """

    def __init__(self) -> None:
        self.holds = False
        self.waiting: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.holds or self.waiting is not None:
            raise Interrupted(number)
        self.waiting = number

    def release(self) -> None:
        """Raise :class:`Interrupted` if a signal waits."""
        if self.waiting is not None:
            raise Interrupted(self.waiting)


def exit_at_once(number: int, frame: FrameType | None) -> None:
    """Handle a signal while the process imports its libraries: nothing is lost."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def set_handler(handler: Handler) -> dict[signal.Signals, Any]:
    """Set the handler of both signals, and return those before.

    What the process was told to ignore (nohup) it ignores; only the main thread can be asked.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    both = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.getsignal(n) for n in both if signal.getsignal(n) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    return before


def command() -> int:
    """Run the installed command ``dipddpm``, which takes signals before PyTorch is loaded."""
    set_handler(exit_at_once)
    from dipddpm.__main__ import main

    return main()


@contextlib.contextmanager
def interruptible() -> Iterator[Hold]:
    """Have both signals raise :class:`Interrupted` while in here."""
    hold = Hold()
    before = set_handler(hold)
    try:
        yield hold
    finally:
        for number, was in before.items():
            signal.signal(number, was)
