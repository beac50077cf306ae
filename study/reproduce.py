"""``python study/reproduce.py``: the report's own experiments, as reported and controlled."""

import shutil
import sys

from rich.console import Console

from dipddpm.cli import OneLineParser
from dipddpm.data import Dataset
from study import engine, subject, turns  # the engine first: it sets what ray reads
from study.claims import sentence
from study.confirm import points_left
from study.design import (
    QUICK_EPOCHS,
    as_info,
    describe,
    points_of,
    resolve_design,
    rows_of,
    trainable,
)
from study.loader_effect import loader_effect
from study.records import load_study
from study.reproduction import scale_words, write
from study.results import REPRODUCTION_FILE, TIMING_FILE, ResultsFolder
from study.run import Command, announce_places, announce_resumed, execute
from study.settings import (
    FLAGS,
    StudySettings,
    add_places,
    add_scale,
    add_session,
    new_parser,
)
from study.storage import StorageCopy
from study.summary import write_summary
from study.words import clock

KEEP_FOLDER = "unfinished"
"""States of runs that have no checkpoint yet, on this machine."""


def make_parser() -> OneLineParser:
    parser = new_parser(
        "study/reproduce.py",
        "Run the report's experiments, as reported and controlled, and judge its claims.",
    )
    add_scale(parser.add_argument_group("at what scale"), quick_epochs=QUICK_EPOCHS)
    how = parser.add_argument_group("how often")
    how.add_argument(
        "--seeds",
        dest="confirm_seeds",
        type=int,
        metavar="S",
        help="runs of each controlled setting (5)",
    )
    add_session(how)
    add_places(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    flags = {**FLAGS, "confirm_seeds": "seeds"}
    return execute(Command(make_parser(), flags, resolve_design, describe, run), argv)


def run(
    settings: StudySettings,
    folder: ResultsFolder,
    copy: StorageCopy | None,
    dataset: Dataset,
    console: Console,
) -> str:
    """Announce, time in turns, run all rows, and say what was found; returns how it ended."""
    folder.info |= {**as_info(settings), "train_images": len(dataset.train)}
    folder.set_status(folder.info["status"])
    plan = settings.plan
    console.print(f"{folder.subject.title}: {plan.num_samples} runs, preset {settings.preset}")
    announce_resumed(folder, console)
    announce_places(settings, console)
    announce_time(settings, folder, console)
    if not (folder.path / TIMING_FILE).exists():
        console.print("first the steps of all settings in turns, with nothing beside them")
        turns.measure(settings, folder.path)
    status = engine.run_study(
        folder.subject,
        trainable(settings, None if settings.ray_address else folder.path.resolve() / KEEP_FOLDER),
        plan,
        folder,
        expected_trial_s=None,
        console=console,
        storage_url=settings.storage_url,
        storage=copy,
        cluster=settings.ray_address is not None,
    )
    if status != "interrupted":  # of failed runs
        shutil.rmtree(folder.path / KEEP_FOLDER, ignore_errors=True)
    write_summary(load_study(folder.path))
    evidence, judged = write(folder.path)
    console.print(f"scale: {scale_words(evidence)}")
    for each in judged:
        console.print(sentence(each))
    if loader := loader_effect(evidence):
        console.print(loader.words())
    console.print(f"open {folder.path / REPRODUCTION_FILE}")
    time_is_up = "reason" in folder.info["sessions"][-1]
    return "finished" if status == "interrupted" and time_is_up else status


def announce_time(settings: StudySettings, folder: ResultsFolder, console: Console) -> None:
    """Time a few steps of each row and say how long what is left will take.

    A cluster's workers may differ from this machine: nothing is timed then.
    """
    if settings.ray_address:
        console.print(f"results in {folder.path}")
        return
    rows, costs = rows_of(settings.run), {}
    left = points_left(folder.path, points_of(settings))
    total_s = 0.0
    for point in left:
        row = rows[str(point["row"])]
        if row.cost_key not in costs:
            cost = subject.estimate_cost(settings, row.config)
            costs[row.cost_key] = cost.trial_s(row.config.epochs, row.config.eval_every)
        total_s += costs[row.cost_key]
    if left:
        console.print(f"about {clock(total_s / settings.plan.slots)}; results in {folder.path}")


if __name__ == "__main__":
    sys.exit(main())
