"""The driver's watch over what cannot tell that it is gone: processes that hang, and Ray itself."""

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import ray

from study.engine.heartbeat import BEAT_S, read_sign
from study.spec.interrupts import Hold

SILENT_S = 120.0
"""Seconds without a sign of life after which a process is given up: it, or its node, hangs."""

STALLED_S = 6 * 3600.0
"""Seconds without progress after which a trial is given up that has told of progress before. One
epoch of a large run on a processor can take an hour, and is one sign."""

STARTING_S = 900.0
"""Seconds after which a process is given up that has been started for a trial and is not ready."""

LOST_S = 40.0
"""Seconds without an answer of Ray after which the driver counts as cut off."""

HURRIED_S = 8.0
"""The same once a signal has come, which may have ended Ray's processes too."""

BLOCKED_S = 5.0
"""Seconds that a driver that is cut off gets to end by itself: Ray's own calls can block."""


VITAL = ("gcs_server", "raylet")
"""The processes of a private Ray without which it does nothing."""


class RayIsLost(Exception):
    """The driver is cut off from its Ray; the results can be read, and the study be resumed."""


@dataclass
class Sign:
    """The last sign of a trial, and how long there has been no other."""

    beat: str = ""
    progress: str = ""
    doing: str = ""
    silent_s: float = 0.0
    stalled_s: float = 0.0


class Signs:
    """The last signs of life of all running trials.

    Args:
        read: returns a trial's sign, as :func:`study.engine.heartbeat.read_sign` does.
    """

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._signs: dict[str, Sign] = {}

    def look(self, running: Collection[str], passed_s: float) -> dict[str, str]:
        """Return the trials to give up, each with the reason.

        Args:
            passed_s: seconds since the last look, in which the driver itself was awake.
        """
        self._signs = {trial_id: self._signs.get(trial_id, Sign()) for trial_id in running}
        given_up = {}
        for trial_id, sign in self._signs.items():
            beat, progress, doing = [*self._read(trial_id).split(" ", 2), "", "", ""][:3]
            sign.silent_s = sign.silent_s + passed_s if beat == sign.beat else 0.0
            same = progress == sign.progress and progress not in ("", "0")
            sign.stalled_s = sign.stalled_s + passed_s if same else 0.0
            sign.beat, sign.progress, sign.doing = beat, progress, doing
            if sign.silent_s >= SILENT_S:
                given_up[trial_id] = f"its process gave no sign of life for {SILENT_S:g} s"
            elif sign.stalled_s >= STALLED_S:
                given_up[trial_id] = f"it made no progress for {STALLED_S:g} s"
        for trial_id in given_up:
            del self._signs[trial_id]
        return given_up

    @property
    def doing(self) -> dict[str, str]:
        """Return what each running trial told last; empty while it has told nothing."""
        return {trial_id: sign.doing for trial_id, sign in self._signs.items()}


class Starting:
    """The processes that have been started for a trial and are not ready, by Ray's actor ids.

    Ray itself waits for them without end, and tells nobody of them.
    """

    def __init__(self) -> None:
        self._waited_s: dict[str, float] = {}

    def look(self, passed_s: float) -> None:
        """Kill those that take too long; Ray then starts others."""
        pending = ray._private.state.actors(actor_state_name="PENDING_CREATION")
        started = [actor_id for actor_id, about in pending.items() if about["Pid"]]
        self._waited_s = {each: self._waited_s.get(each, 0.0) + passed_s for each in started}
        for actor_id, waited_s in self._waited_s.items():
            if waited_s >= STARTING_S:
                driver: Any = ray._private.worker.global_worker
                driver.core_worker.kill_actor(ray.ActorID.from_hex(actor_id), True)


class Watch:
    """Threads that look after running trials and Ray while the driver is busy, or blocked.

    Args:
        last_words: called where the driver is cut off and blocked, with the reason; then the
            process ends with the status that it returns.
        hold: knows whether a signal has come.
    """

    def __init__(self, last_words: Callable[[str], int], hold: Hold) -> None:
        self.running: Collection[str] = ()
        """The trials that run, by id; the driver keeps it up to date."""
        self.doing: dict[str, str] = {}
        """What each of them told last."""
        self.given_up: dict[str, str] = {}
        """The trials to end, with the reason; the driver takes them out."""
        self.lost = ""
        """Why the driver is cut off from its Ray; empty while it is not."""
        self._last_words, self._hold = last_words, hold
        self._unanswered_s = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "Watch":
        for work in (self._look, self._guard):
            threading.Thread(target=work, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _look(self) -> None:
        """Look at the trials and at this node, again and again; a look can block for ever."""
        signs, starting, looked = Signs(read_sign), Starting(), time.monotonic()
        here = ray.get_runtime_context().get_node_id()
        while not self._ended.wait(BEAT_S):
            try:
                alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
                now = time.monotonic()
                # a driver that was stopped itself has seen nothing of that time
                passed_s = min(now - looked, 2 * BEAT_S)
                self.given_up |= signs.look(list(self.running), passed_s)
                self.doing = signs.doing
                starting.look(passed_s)
            except Exception:  # the next look may do; where none does, Ray is lost
                continue
            finally:
                looked = time.monotonic()
            self._unanswered_s = 0.0
            if here not in alive:
                self.lost = "Ray has lost the driver's node"

    def _guard(self) -> None:
        """Notice that no look has been answered; end the process if it cannot end by itself."""
        blocked_s = 0.0
        while not self._ended.wait(1.0):
            self._unanswered_s += 1.0
            limit_s = HURRIED_S if self._hold.asked else LOST_S
            node = ray._private.worker._global_node
            dead: list[str] = [k for k, _ in node.dead_processes() if k in VITAL] if node else []
            if dead:
                self.lost = f"Ray's process {' and '.join(dead)} ended"
            elif self._unanswered_s >= limit_s:
                self.lost = f"Ray has not answered for {limit_s:g} s"
            blocked_s = blocked_s + 1.0 if self.lost else 0.0
            if blocked_s >= BLOCKED_S:
                os._exit(self._last_words(self.lost))
