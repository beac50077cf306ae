"""``python -m support.random_kills KILLS [SEED]``: toy studies that are killed at random moments.

What is killed: the driver (SIGKILL, SIGTERM, its terminal closed), a worker (SIGKILL, SIGSTOP) or
Ray's raylet. The study is resumed whenever its driver has ended, until all trials have.
"""

import collections
import contextlib
import fcntl
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
from collections.abc import Collection
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

KINDS = ("driver", "term", "terminal", "worker", "stop", "raylet")


class OnTerminal:
    """A study of the toy on a terminal of its own."""

    def __init__(self, folder: Path, num_trials: int) -> None:
        self._master, end = pty.openpty()
        command = [sys.executable, str(TESTS / "support" / "toy_study.py"), folder, num_trials]
        environment = {
            "TOY_ROUND_S": "0.3",
            "TOY_SILENT_S": "10",
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

    def kill(self, kind: str, rng: random.Random) -> bool:
        """Kill something of the kind; return whether there was such a thing."""
        if kind == "terminal":
            self.close_terminal()
        elif kind in ("driver", "term"):
            self.process.send_signal(signal.SIGKILL if kind == "driver" else signal.SIGTERM)
        elif kind == "raylet":
            (raylet,) = (
                p for p, n in descendants(self.process.pid).items() if "raylet/raylet\0" in n
            )
            os.kill(raylet, signal.SIGKILL)
        else:
            workers = workers_of(self.process.pid)
            if not workers:
                return False
            os.kill(rng.choice(workers), signal.SIGKILL if kind == "worker" else signal.SIGSTOP)
        return True


def killed(folder: Path, kills: int, seed: int, num_trials: int) -> collections.Counter[str]:
    """Run a study that is killed so often; raise where it lost, doubled or held up anything."""
    rng, done = random.Random(seed), collections.Counter[str]()
    study = OnTerminal(folder, num_trials)
    while done.total() < kills:
        wait_for_rows(folder, rows_of(folder) + 1 + rng.randrange(4), study.process, study.said)
        time.sleep(rng.uniform(0, 0.5))
        kind = rng.choice(KINDS)
        if study.process.poll() is None and not (
            kind in ("worker", "stop", "raylet") and exhausted(folder)
        ):
            children = descendants(study.process.pid)
            done[kind] += study.kill(kind, rng)
            print(f"{done.total()}: {kind} at {rows_of(folder)} rows", flush=True)
            if kind not in ("worker", "stop"):
                study.process.wait(HANG_S)
                check_gone(children)
        if study.process.poll() is not None:
            study.close_terminal()
            if "status finished" in study.said():
                num_trials += 6  # more to kill
            study = OnTerminal(folder, num_trials)
    while study.process.poll() is None:
        wait_for_rows(folder, rows_of(folder) + 1, study.process, study.said)
    study.close_terminal()
    assert "status finished" in study.said(), study.said()
    check_complete(folder, num_trials)
    return done


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
    with tempfile.TemporaryDirectory() as place:
        print(killed(Path(place) / "killed", number, first, num_trials=number))
