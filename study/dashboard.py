"""``python study/dashboard.py results/NAME`` draws the page of a study again."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this checkout, whatever is installed
    from study.commands.launch import launch

    sys.exit(launch("study.commands.dashboard", "study/dashboard.py"))
