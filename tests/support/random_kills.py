"""``python -m support.random_kills KILLS [SEED]``: toy studies that are killed at random moments.

The study is resumed whenever its driver has ended, until all trials have.
"""

import collections
import contextlib
import fcntl
import json
import os
import pty
import random
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import PYTHONPATH, TESTS
from support.killed_studies import (
    check_complete,
    descendants,
    exhausted,
    rows_of,
    wait_for_rows,
    workers_of,
)
from support.waiting import HANG_S, wait_until

SILENT_S = 10
"""Seconds after which a process that gives no sign of life is given up."""


class OnTerminal:
    """A study of the toy on a terminal of its own."""

    def __init__(self, folder: Path, num_trials: int) -> None:
        self.folder = folder
        self._master, end = pty.openpty()
        command = [sys.executable, str(TESTS / "support" / "toy_study.py"), folder, num_trials]
        environment = {
            "TOY_ROUND_S": "0.3",
            "TOY_SILENT_S": str(SILENT_S),
            "TOY_STARTING_S": "60",
            "PYTHONPATH": PYTHONPATH,
        }
        self.process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environment},
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(end)
        self.output, self._closes = b"", threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            while not self._closes.is_set():
                if select.select([self._master], [], [], 0.05)[0]:
                    self.output += os.read(self._master, 65536)
        os.close(self._master)

    def said(self) -> str:
        """What it has written so far."""
        return self.output.decode()

    def close_terminal(self) -> None:
        self._closes.set()
        self._reader.join()

    def last_words(self) -> str:
        """All that it has written, once it has ended."""
        self._reader.join(HANG_S)
        return self.said()

    @property
    def info(self) -> dict:
        return json.loads((self.folder / "study.json").read_text())

    @property
    def has_finished(self) -> bool:
        """Whether all its trials have ended on record, whether or not it could still say so."""
        return self.info["status"] == "finished"

    def of_ray(self, name: str) -> list[int]:
        """The processes of its Ray that have the name."""
        return [p for p, n in descendants(self.process.pid).items() if f"{name}\0" in n]

    def given_up(self) -> bool:
        """Whether a trial was tried again for the silence of its process, or all have ended."""
        reason = f"gave no sign of life for {SILENT_S:g} s"
        return self.process.poll() is not None or reason in (self.folder / "trials.csv").read_text()


@dataclass(frozen=True)
class Kill:
    """A way to kill a study, or a part of it.

    Args:
        victims: the processes that get the signal; with none, the terminal is closed.
        number: the signal.
        status: what the driver ends with; None if it goes on.
        says: what is among its last words.
    """

    victims: Callable[[OnTerminal], Sequence[int]]
    number: int
    status: int | None
    says: str = ""


KILLS = {
    "the driver": Kill(lambda s: [s.process.pid], signal.SIGKILL, -signal.SIGKILL),
    "SIGTERM": Kill(lambda s: [s.process.pid], signal.SIGTERM, 128 + signal.SIGTERM),
    # as batch systems do: Ray's own processes end before the driver has dealt with it
    "SIGTERM to all": Kill(
        lambda s: [s.process.pid, *descendants(s.process.pid)],
        signal.SIGTERM,
        128 + signal.SIGTERM,
    ),
    "the terminal": Kill(lambda _: [], signal.SIGHUP, 128 + signal.SIGHUP),
    "the raylet": Kill(
        lambda s: s.of_ray("raylet/raylet"), signal.SIGKILL, 1, "Ray's process raylet ended"
    ),
    "Ray's store": Kill(
        lambda s: s.of_ray("gcs_server"), signal.SIGKILL, 1, "Ray's process gcs_server ended"
    ),
    "a worker": Kill(lambda s: workers_of(s.process.pid)[:1], signal.SIGKILL, None),
    "a worker that hangs": Kill(lambda s: workers_of(s.process.pid)[:1], signal.SIGSTOP, None),
}


def strike(study: OnTerminal, kill: Kill) -> bool:
    """Kill in this way, and check how it ends; return False if there is nothing to kill."""
    children, victims = descendants(study.process.pid), kill.victims(study)
    if kill.number == signal.SIGHUP:
        study.close_terminal()
    elif not victims:
        return False
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(victim, kill.number)
    if kill.number == signal.SIGSTOP:
        wait_until(study.given_up)
    if kill.status is None:
        return True
    status = study.process.wait(HANG_S)
    check_gone(children)
    said = study.last_words()
    if status == -signal.SIGABRT:  # Ray's own, of one who asks its store while that is ending
        assert kill is KILLS["SIGTERM to all"], said
        return True
    assert "Traceback" not in said, said
    if not study.has_finished:
        assert status == kill.status, said
        assert kill.says in said, said
        assert "failed at round" not in said, said
        if kill.status > 0:
            assert study.info["status"] == "interrupted"
    return True


def killed(folder: Path, ways: Sequence[str], seed: int, num_trials: int) -> None:
    """Run a study that is killed in these ways; raise where it lost, doubled or held up anything.

    Args:
        ways: names of :data:`KILLS`, in their order.
        seed: of the moments.
        num_trials: of the study at first; it grows where it has ended before all that is to come.
    """
    rng, left = random.Random(seed), collections.deque(ways)
    study = OnTerminal(folder, num_trials)
    while left:
        wait_for_rows(folder, rows_of(folder) + 1 + rng.randrange(4), study.process, study.said)
        time.sleep(rng.uniform(0, 0.5))
        spares = left[0] not in ("the driver", "SIGTERM", "the terminal") and exhausted(folder)
        if study.process.poll() is None and not spares and strike(study, KILLS[left[0]]):
            print(f"{left.popleft()} at {rows_of(folder)} rows", flush=True)
        if study.process.poll() is not None:
            if study.has_finished:
                num_trials += 6  # more to kill
            study = OnTerminal(folder, num_trials)
    while study.process.poll() is None:
        wait_for_rows(folder, rows_of(folder) + 1, study.process, study.said)
    assert study.has_finished, study.last_words()
    check_complete(folder, num_trials)


def runs(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for has no command line left."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def check_gone(processes: Collection[int]) -> None:
    """No process outlives its driver for long."""
    wait_until(lambda: not any(map(runs, processes)), why_not=lambda: f"{processes} outlive it")


if __name__ == "__main__":
    number, first = int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])
    drawn = random.Random(first).choices(list(KILLS), k=number)
    with tempfile.TemporaryDirectory() as place:
        killed(Path(place) / "killed", drawn, first, num_trials=number)
    print(collections.Counter(drawn))
