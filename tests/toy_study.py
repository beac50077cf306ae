"""``python toy_study.py FOLDER NUM_SAMPLES [SAMPLER]``: a study of the toy, new or resumed; a
process of its own, which tests can kill."""

import dataclasses
import sys
from pathlib import Path

from rich.console import Console
from subjects import PLAN, TOY, toy

from study.engine import run_study
from study.results import ResultsFolder


def main() -> None:
    path, num_samples = Path(sys.argv[1]), int(sys.argv[2])
    plan = dataclasses.replace(
        PLAN,
        name=path.name,
        num_samples=num_samples,
        sampler=sys.argv[3] if len(sys.argv) > 3 else "tpe",
    )
    if path.exists():
        folder = ResultsFolder.reopen(path, TOY, {})
    else:
        folder = ResultsFolder.create(path.parent, path.name, TOY, {})
    status = run_study(TOY, toy, plan, folder, expected_trial_s=None, console=Console())
    print(f"status {status}", flush=True)


if __name__ == "__main__":
    main()
