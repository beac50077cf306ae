"""``python study/reproduce.py`` runs the original's own experiments and judges its claims."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this checkout, whatever is installed
    from study.commands.launch import launch

    sys.exit(launch("study.commands.reproduce", "study/reproduce.py"))
