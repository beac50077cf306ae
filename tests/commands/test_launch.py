"""Signals to a command, from its first moment to its last: a status, and a line at most."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from support import PYTHONPATH
from support.waiting import HANG_S

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

IMPORTING = """
import time
print("now", flush=True)
try:
    time.sleep(60)
except BaseException:  # as libraries do that try what may be missing
    time.sleep(60)
"""
WORKING = """
import time
def main(argv, prog):
    print("now", flush=True)
    time.sleep(60)
"""
ENDING = """
import atexit, time
def main(argv, prog):
    atexit.register(time.sleep, 60)
    print("now", flush=True)
    return 7
"""


@contextlib.contextmanager
def started(tmp_path, module, before="pass"):
    """A command that has come to the point where it waits."""
    (tmp_path / "command.py").write_text(module)
    code = f"import sys; from study.commands import launch; {before}; "
    code += "sys.exit(launch.launch('command', 'the command'))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{PYTHONPATH}:{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "now\n"
        yield process
        process.kill()


@pytest.mark.parametrize("number", STATUS, ids=lambda n: n.name)
@pytest.mark.parametrize(
    ("module", "line"),
    [
        (IMPORTING, "the command: interrupted before it began\n"),
        (WORKING, "the command: interrupted\n"),
    ],
    ids=["importing", "working"],
)
def test_each_signal_has_its_status_and_leaves_one_line(number, module, line, tmp_path):
    with started(tmp_path, module) as process:
        process.send_signal(number)
        _, error = process.communicate(timeout=HANG_S)
    assert (process.returncode, error) == (STATUS[number], line)


def test_a_signal_that_the_process_was_told_to_ignore_is_ignored(tmp_path):
    """As nohup does, and a shell in the background."""
    before = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with started(tmp_path, WORKING, before) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG_S)
    assert process.returncode == STATUS[signal.SIGTERM]


def test_an_exit_that_hangs_ends_with_the_status_all_the_same(tmp_path):
    with started(tmp_path, ENDING, "launch.EXIT_S = 0.5") as process:
        process.communicate(timeout=HANG_S)
    assert process.returncode == 7
