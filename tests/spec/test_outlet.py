"""Streams whose reader goes away: real pipes and terminals."""

import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console
from rich.progress import Progress
from support import PYTHONPATH

from study.spec.outlet import Outlet


@pytest.fixture
def closed_pipe():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", buffering=1) as stream:
        os.close(reader)
        yield stream


@pytest.fixture
def closed_terminal():
    terminal, end = pty.openpty()
    with os.fdopen(end, "w", buffering=1) as stream:
        os.close(terminal)
        yield stream


def test_a_pipe_without_reader_raises_nothing_and_is_told_once(closed_pipe, capsys):
    outlet = Outlet(closed_pipe)
    for _ in range(3):
        print("a line", file=outlet)
    assert isinstance(outlet.error, BrokenPipeError)
    assert capsys.readouterr().err == "the output is lost (Broken pipe); the work goes on\n"


def test_a_live_line_on_a_terminal_that_is_closed_raises_nothing(closed_terminal):
    console = Console(file=Outlet.of(closed_terminal), force_terminal=True)
    with Progress(console=console) as progress:
        task = progress.add_task("working", total=3)
        for _ in range(3):
            progress.update(task, advance=1, refresh=True)
            console.print("a line")
    assert console.file.error is not None


def test_a_letter_that_the_encoding_lacks_is_written_another_way(tmp_path):
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        print("DIP→DDPM", file=Outlet(stream), flush=True)
    assert (tmp_path / "log").read_text() == "DIP\\u2192DDPM\n"


def test_without_any_output_there_is_nothing_to_lose():
    outlet = Outlet(None)
    print("a line", file=outlet)
    outlet.close()


def test_there_is_one_outlet_to_a_stream(closed_pipe):
    outlet = Outlet.of(closed_pipe)
    assert Outlet.of(outlet) is outlet


@pytest.mark.parametrize("redirect", ["| head -1", ">&-", "> /dev/full"])
def test_a_command_whose_output_goes_nowhere_ends_well(redirect, tmp_path):
    """Also at its very end, where Python writes what is left in its buffers."""
    (tmp_path / "talks.py").write_text(
        "def main(argv, prog):\n    for _ in range(9999): print('a line')\n    return 3\n"
    )
    code = "import sys; from study.commands.launch import launch; sys.exit(launch('talks', 'it'))"
    command = f'set -o pipefail; {sys.executable} -c "{code}" {redirect}'
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": f"{PYTHONPATH}:{tmp_path}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == (0 if redirect == ">&-" else 1), done.stderr
