"""``python study/run.py --num-samples 30`` searches for settings and confirms what it finds."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this checkout, whatever is installed
    from study.commands.launch import launch

    sys.exit(launch("study.commands.search", "study/run.py"))
