"""``python study/check_cluster.py cluster.yaml``: find its mistakes before they cost money."""

import sys
from pathlib import Path

import yaml

from dipddpm.cli import OneLineParser
from study.cluster.config_check import mistakes


def main(argv: list[str] | None = None, prog: str = "study/check_cluster.py") -> int:
    """Run the command; return its exit status, which is 2 if there are mistakes."""
    parser = OneLineParser(
        prog=prog, description="Find the mistakes of a cluster file before they cost money."
    )
    parser.add_argument("file", type=Path, help="cluster.yaml or deploy/cluster-local.yaml")
    file = parser.parse_args(argv).file
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        parser.error(f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        parser.error(f"{file} is not text in UTF-8")
    except (yaml.YAMLError, RecursionError) as error:
        parser.error(f"{file} is not YAML: {' '.join(str(error).split())}")
    if found := list(mistakes(config)):
        for line in found:
            print(f"{file}: {line}", file=sys.stderr)
        return 2
    print(f"{file}: nothing wrong that can be seen from here")
    return 0
