"""``python toy_study.py FOLDER NUM_SAMPLES [SAMPLER [STORAGE]]``: a study of the toy, new or
resumed; a process of its own, which tests can kill. On a storage its heart beats fast."""

import contextlib
import dataclasses
import os
import sys
from pathlib import Path

from rich.console import Console

from study.commands.launch import launch
from study.engine import watch
from study.engine.runner import run_study
from study.engine.watch import RayIsLost
from study.results import remote
from study.results.folder import ResultsFolder
from study.results.remote import StorageCopy, fetch, open_storage
from study.spec.interrupts import exit_status
from support.toy_problem import PLAN, TOY, toy


def main(argv: list[str] | None, prog: str) -> int:
    path, num_samples = Path(sys.argv[1]), int(sys.argv[2])
    for name in ("SILENT_S", "STARTING_S", "LOST_S"):  # bounds that a test need not wait for
        setattr(watch, name, float(os.environ.get(f"TOY_{name}", getattr(watch, name))))
    plan = dataclasses.replace(
        PLAN,
        name=path.name,
        num_samples=num_samples,
        sampler=sys.argv[3] if len(sys.argv) > 3 else "tpe",
    )
    with contextlib.ExitStack() as opened:
        copy = None
        if len(sys.argv) > 4:
            remote.BEAT_S = 0.5
            place = open_storage(sys.argv[4]) / path.name
            copy = opened.enter_context(StorageCopy(place, print))
            fetch(place, path)
        folder = ResultsFolder.open(path.parent, path.name, TOY)
        if copy:
            copy.follow(path)
        try:
            status = run_study(
                TOY, toy, plan, folder, console=Console(soft_wrap=True), storage=copy
            )
        except RayIsLost as error:
            print(error)
            return 1
    print(f"status {status}", flush=True)
    return exit_status() if status == "interrupted" else 0


if __name__ == "__main__":
    sys.exit(launch("support.toy_study", "toy_study"))
