"""``dip-ddpm-study``: the installed commands."""

import subprocess
import sys

import pytest

from study.__main__ import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_of_the_command_by_the_name_that_was_typed(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert f"dip-ddpm-study {command}" in shown or command == "dashboard"  # which shows no usage


def test_bad_usage_is_told_by_the_name_that_was_typed(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--num-samples", "0"])
    assert (
        capsys.readouterr().err == "dip-ddpm-study run: --num-samples is 0; expected at least 1\n"
    )
    assert main(["dashboard", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("dip-ddpm-study dashboard: nowhere holds no study")


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["serach"])
    assert "invalid choice: 'serach'" in capsys.readouterr().err


def test_pages_are_drawn_without_ray_and_torch():
    code = "import sys, study.__main__ as m; print(m.main(['dashboard', 'nowhere'])); "
    code += "print({'ray', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "set()"]
