"""``python study/check_cluster.py cluster.yaml`` finds what is wrong with a cluster file."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this checkout, whatever is installed
    from study.commands.launch import launch

    sys.exit(launch("study.commands.check_cluster", "study/check_cluster.py"))
