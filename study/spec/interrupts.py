"""Signals that end a study: Ctrl-C, and what batch systems and closing terminals send."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, Any], Any]
"""A function of a signal's number and of the frame that it came in."""

_received: list[int] = []
"""The signals that this process has had, in their order."""


class Interrupted(KeyboardInterrupt):
    """A signal asks this process to end."""


def exit_status() -> int:
    """Return the exit status of an interrupted process, as shells have it: 128 + the signal.

    Without a signal (at the end of a time budget, say) it is that of Ctrl-C.
    """
    return 128 + (_received or [signal.SIGINT])[0]


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Raise :class:`Interrupted` where the process is when a signal comes."""

    def handle(number: int, _: Any) -> None:
        _received.append(number)
        raise Interrupted(number)

    with handled_by(handle):
        yield


class Hold:
    """Signals that are noted and raise nothing, so that work under way ends in order."""

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal has come."""
        self._cuts_off = False

    def __call__(self, number: int, _: Any) -> None:
        _received.append(number)
        again, self.asked = self.asked, True
        if again and self._cuts_off:
            raise Interrupted(number)

    @contextlib.contextmanager
    def cutting_off(self) -> Iterator[None]:
        """Raise :class:`Interrupted` at a second signal, while in here."""
        self._cuts_off = True
        try:
            yield
        finally:
            self._cuts_off = False


@contextlib.contextmanager
def held() -> Iterator[Hold]:
    """Note signals while in here, and raise nothing."""
    hold = Hold()
    with handled_by(hold):
        yield hold


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the handlers of signals while Ray is started, which sets its own.

    The processes started meanwhile never see the SIGHUP of a terminal that closes: they inherit
    that it is blocked. Here it is handled, by the end at the latest.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextlib.contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Set a handler of all signals, but of those that this process was told to ignore (nohup)."""
    if threading.current_thread() is not threading.main_thread():  # only there can it be set
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {n: was for n, was in before.items() if was not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
