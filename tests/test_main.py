"""``dip-ddpm-study``: the installed commands."""

import subprocess
import sys

import pytest

from study.__main__ import COMMANDS, main


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "dashboard"])
def test_help_is_of_the_command_by_the_name_that_was_typed(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"dip-ddpm-study {command}" in capsys.readouterr().out


def test_help_of_the_dashboard_says_what_it_draws(capsys):
    """It shows no usage, so that its errors are one line."""
    with pytest.raises(SystemExit, match="0"):
        main(["dashboard", "--help"])
    assert capsys.readouterr().out.startswith("Draw a study's pages again")


def test_pages_are_drawn_without_ray_and_torch():
    code = "import sys, study.__main__ as m; print(m.main(['dashboard', 'nowhere'])); "
    code += "print({'ray', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "set()"]
