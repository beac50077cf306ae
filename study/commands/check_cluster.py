"""``python study/check_cluster.py FILE``: find the mistakes of a cluster file or a job script."""

import sys
from pathlib import Path

import yaml

from dipddpm.cli import OneLineParser
from study.cluster import config_check, slurm_check
from study.cluster.job_script import JobScript
from study.problem.arguments import make_parser

FILES = (
    "cluster.yaml, deploy/cluster-gcp.yaml or deploy/cluster-local.yaml, or a job script as "
    "deploy/slurm.sbatch"
)


def main(argv: list[str] | None = None, prog: str = "study/check_cluster.py") -> int:
    """Run the command; return its exit status, which is 2 if there are mistakes."""
    parser = OneLineParser(
        prog=prog, description="Find the mistakes of a cluster file before they cost money."
    )
    parser.add_argument("file", type=Path, help=FILES)
    file = parser.parse_args(argv).file
    try:
        text = file.read_text(encoding="utf-8")
        is_script = text.startswith("#!")
        found = list(
            slurm_check.mistakes(text) if is_script else config_check.mistakes(yaml.safe_load(text))
        )
    except OSError as error:
        parser.error(f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        parser.error(f"{file} is not text in UTF-8")
    except (yaml.YAMLError, RecursionError) as error:
        parser.error(f"{file} is not YAML: {' '.join(str(error).split())}")
    if found:
        for line in found:
            print(f"{file}: {line}", file=sys.stderr)
        return 2
    if is_script:  # the study's own parser says what it does not know
        make_parser(str(file)).parse_args(JobScript.read(text).study)
    print(f"{file}: nothing wrong that can be seen from here")
    if is_script:
        print(f"{file}: {slurm_check.most(text)}")
    return 0
