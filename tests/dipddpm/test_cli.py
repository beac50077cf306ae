"""What all commands share: numbers in plain digits, and output in any encoding."""

import os
import subprocess
import sys

import pytest
from support import ROOT


@pytest.mark.parametrize(
    "command",
    [
        ["study/run.py", "--help"],
        ["study/dashboard.py", "müll→"],
    ],
    ids=["help", "error of a page"],
)
def test_a_terminal_or_a_log_that_is_not_utf_8(command, tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, ROOT / command[0], *command[1:]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == (0 if "--help" in command else 2)
    said = (done.stdout + done.stderr).decode("ascii")
    assert "Traceback" not in said
    assert "\\" in said  # what cannot be shown is there by its number
