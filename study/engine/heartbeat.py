"""Signs of life: the process of a trial gives them, and the driver looks for them.

They travel through Ray's own store of keys, so they need no process, no folder and no clock that
nodes agree on. Evaluations are no such sign: they may be an hour apart.
"""

import contextlib
import threading
from collections.abc import Iterator

from ray import tune
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

BEAT_S = 2.0
"""Seconds between two signs of a process, and between two looks of the driver."""

_steps = 0
"""How often the trial that runs in this process has told of progress."""

_doing = ""
"""What it told last, such as ``dip 40/100``."""


def alive(stage: str = "", done: int = 0, total: int = 0) -> None:
    """Tell that the trial's work gets on, as often as there is something to tell.

    A trial that has called this, and then does not for hours, is given up.

    Args:
        stage: what the trial is doing, for the terminal; without it nothing is shown.
        done, total: how much of that is done.
    """
    global _steps, _doing
    _steps += 1
    _doing = f"{stage} {done}/{total}" if stage else ""


@contextlib.contextmanager
def beating() -> Iterator[None]:
    """Give signs of life while in here, where a trial runs."""
    global _steps, _doing
    _steps, _doing, ended = 0, "", threading.Event()
    key = _key(tune.get_context().get_trial_id())

    def beat() -> None:
        beats = 0
        while not ended.wait(BEAT_S):
            beats += 1
            with contextlib.suppress(Exception):  # a sign that is missing is seen by the driver
                _internal_kv_put(key, f"{beats} {_steps} {_doing}")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _key(trial_id: str) -> str:
    return f"sign of life of {trial_id}"


def read_sign(trial_id: str) -> str:
    """Return a trial's last sign, or nothing: its number, how often it told of progress, what."""
    return (_internal_kv_get(_key(trial_id)) or b"").decode()
