"""``python study/run.py --num-samples 30``: search, confirm, and write it all to ``results/``."""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from dipddpm.cli import OneLineParser, flag
from dipddpm.config import RunConfig
from dipddpm.data import Dataset
from dipddpm.errors import ConfigError, DataError
from dipddpm.pipeline import check_sizes, dataset_of
from study import cluster, engine, provenance, subject  # the engine first: it sets what ray reads
from study.cluster import NodeError
from study.confirm import confirm, confirmation_s, is_confirmed
from study.description import Description
from study.mirror import check_storage, redacted
from study.plan import Capacity
from study.records import load_study
from study.results import DASHBOARD_FILE, ENDED, ResultsFolder, StudyIsRunning
from study.resume import (
    check_is_new,
    check_is_new_there,
    check_is_there,
    check_resumable,
    earlier_study,
    name_to_resume,
)
from study.search import NEEDED
from study.settings import DEFAULTS, FLAGS, RUN, StudySettings, make_parser, remembered, resolve
from study.storage import (
    StorageCopy,
    StudiesDiffer,
    StudyIsDriven,
    fetch,
    open_storage,
    reaching,
    shown,
)
from study.summary import write_summary
from study.words import clock, describe_study

EXIT_STATUS = {"finished": 0, "failed": 1, "interrupted": 130}


@dataclass(frozen=True)
class Command:
    """What sets one command apart from another that runs a study."""

    parser: OneLineParser
    flags: Mapping[str, str]
    """Where a setting goes by another name on the command line."""
    resolve: Callable[[Mapping[str, Any], Capacity], StudySettings]
    describe: Callable[[StudySettings], Description]
    configs: Callable[[StudySettings], Iterable[RunConfig]]
    """Of its runs, as far as they differ in how many images they need."""
    work: Callable[[StudySettings, ResultsFolder, StorageCopy | None, Dataset, Console], str]
    """All that follows once the settings are known to be good; returns how it ended."""


def main(argv: list[str] | None = None) -> int:
    command = Command(make_parser(), FLAGS, resolve, subject.describe, lambda s: [s.run], run)
    return execute(command, argv)


def execute(command: Command, argv: list[str] | None) -> int:
    """The exit status of a command: 2 and one line for what is wrong before any work."""
    parser = command.parser
    given = vars(parser.parse_args(argv))
    results_dir = given.get("results_dir", DEFAULTS["results_dir"])
    url = given.get("storage_url", "")
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        settings, dataset, folder, copy, opened = prepare(command, given, console)
    except ConfigError as error:
        field = command.flags.get(error.name, error.name)
        parser.error(f"{flag(field)} is {error.value}; expected {error.expected}")
    except (DataError, NodeError, StudiesDiffer, StudyIsDriven, StudyIsRunning) as error:
        parser.error(str(error))
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        parser.error(f"--storage-url is {redacted(url)}; cannot be used: {reason}")
    except OSError as error:
        parser.error(f"--results-dir is {results_dir}; cannot write: {error.strerror}")
    try:
        with opened:
            return EXIT_STATUS[command.work(settings, folder, copy, dataset, console)]
    except KeyboardInterrupt:  # before the first trial or after the last: nothing is running
        print(f"interrupted; results so far in {folder.path}", file=sys.stderr)
        return EXIT_STATUS["interrupted"]
    except OSError as error:
        left = f"{folder.path} can be read, and gone on with by --resume {settings.plan.name}"
        print(f"{parser.prog}: {error.strerror or error}; {left}", file=sys.stderr)
        return EXIT_STATUS["failed"]


def prepare(
    command: Command, given: Mapping[str, Any], console: Console
) -> tuple[StudySettings, Dataset, ResultsFolder, StorageCopy | None, contextlib.ExitStack]:
    """All that can go wrong before the first trial; what is open is closed by the last value."""
    results_dir, url = given.get("results_dir", DEFAULTS["results_dir"]), given.get("storage_url")
    capacity, storage, copy = provenance.capacity(), None, None
    before: dict[str, Any] = {}
    asked = given
    if address := given.get("ray_address"):
        cluster.join(address)
        capacity = cluster.capacity(console.print)
    if uri := given.get("storage_path"):
        storage = open_storage(uri)
    with contextlib.ExitStack() as opened:
        if "resume" in given:
            name = name_to_resume(results_dir, given)
            if storage:
                with reaching(uri):
                    check_is_there(storage, name)
                    copy = opened.enter_context(StorageCopy(storage / name, console.print))
                    fetch(storage / name, results_dir / name)
            before = earlier_study(results_dir, name)
            if (began := before.get("command", RUN)) != command.parser.prog:
                raise ConfigError("resume", name, f"a study of {command.parser.prog}, not {began}")
            asked = {**before["arguments"], **given, "name": before["name"]}
            asked.setdefault("num_samples", before["settings"]["plan"]["num_samples"])
        settings = command.resolve(asked, capacity)
        name = settings.plan.name
        if not before:
            check_is_new(results_dir, name)
            if storage:
                with reaching(uri):
                    check_is_new_there(storage, name)
        dataset = dataset_of(settings.run)
        for config in command.configs(settings):
            check_sizes(config, dataset)
        if before:
            check_resumable(before, settings, dataset)
        if url:
            check_storage(url, name, is_new=not before)
        if address:
            read_data = functools.partial(subject.data_hash, settings.run)
            with reaching(uri):
                cluster.check_nodes(
                    storage, read_data, dataset.hash, settings.plan.gpus_per_trial > 0
                )
        if storage and not copy:
            with reaching(uri):
                storage.try_out()
                copy = opened.enter_context(StorageCopy(storage / name, console.print))
        folder = _open(command, settings, before, given, dataset)
        opened.callback(folder.close)
        if copy:
            with reaching(uri):
                copy.follow(folder.path)
        return settings, dataset, folder, copy, opened.pop_all()


def _open(
    command: Command,
    settings: StudySettings,
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    dataset: Dataset,
) -> ResultsFolder:
    """The results folder, new or as an earlier session left it."""
    place = settings.storage_path
    info = {
        "command": command.parser.prog,
        "settings": settings.to_json(),
        "arguments": {**before.get("arguments", {}), **remembered(given)},
        "storage_url": settings.storage_url and redacted(settings.storage_url),
        "storage_path": place and shown(place),
        "dataset_hash": dataset.hash,
        **provenance.everything(),
    }
    if settings.ray_address:
        info["cluster"] = dataclasses.asdict(settings.capacity)
    described = command.describe(settings)
    if before:
        path = settings.results_dir / settings.plan.name
        folder = ResultsFolder.reopen(path, described, info)
    else:
        folder = ResultsFolder.create(settings.results_dir, settings.plan.name, described, info)
    folder.make_latest()
    return folder


def run(
    settings: StudySettings,
    folder: ResultsFolder,
    copy: StorageCopy | None,
    dataset: Dataset,
    console: Console,
) -> str:
    """Announce, search, confirm, and say what was found; returns how it ended."""
    announce(settings, folder, len(dataset.train), console)
    expected_s = announce_time(settings, folder, console)
    status = engine.run_study(
        folder.subject,
        subject.trainable(settings),
        settings.plan,
        folder,
        expected_s=expected_s,
        console=console,
        storage_url=settings.storage_url,
        storage=copy,
        cluster=settings.ray_address is not None,
    )
    study = load_study(folder.path)
    write_summary(study)
    time_is_up = "reason" in folder.info["sessions"][-1]
    if study.best and is_confirmed(settings) and (status == "finished" or time_is_up):
        confirmed = confirm(settings, study, console, copy)
        status = status if confirmed == "finished" else confirmed
        study = load_study(folder.path)
        write_summary(study)
    console.print(describe_study(study))
    console.print(f"open {folder.path / DASHBOARD_FILE}")
    return "finished" if status == "interrupted" and time_is_up and study.best else status


def announce(
    settings: StudySettings, folder: ResultsFolder, train_images: int, console: Console
) -> None:
    """Say what will run, and on what."""
    run, plan, described = settings.run, settings.plan, folder.subject
    dip = "no prior" if run.prior == "none" else f"{run.prior}, {run.dip_steps} DIP steps"
    console.print(
        f"{described.title}: {plan.num_samples} trials of up to {run.epochs} epochs "
        f"({dip}, {train_images} training images), preset {settings.preset}"
    )
    announce_resumed(folder, console)
    space = ", ".join(f"{p.name} {p.low:g} to {p.high:g}" for p in described.parameters)
    first = f"{len(described.start_points)} settings of the report first"
    console.print(f"space: {space}; {plan.sampler}, {plan.scheduler}, {first}")
    if plan.num_samples < (needed := NEEDED.get(plan.sampler, 0)):
        console.print(
            f"{plan.sampler} will hardly learn from {plan.num_samples} trials: it takes {needed}"
        )
    announce_places(settings, console)


def announce_resumed(folder: ResultsFolder, console: Console) -> None:
    if rows := folder.read_trials():
        ended = sum(row["status"] in ENDED for row in rows)
        console.print(f"resumed: {ended} have ended, {len(rows) - ended} go on where they were")


def announce_places(settings: StudySettings, console: Console) -> None:
    plan = settings.plan
    console.print(
        f"on {describe_capacity(settings)}: {plan.slots} at once, "
        f"{plan.cpus_per_trial:g} cores each"
        + (f" and {plan.gpus_per_trial:g} GPUs" if plan.gpus_per_trial else "")
    )
    if settings.capacity.gpus and settings.preset == "quick":
        console.print("there is a GPU here: --preset report runs MNIST at the report's scale")


def describe_capacity(settings: StudySettings) -> str:
    """``2 cores, no GPU``, or the node types of a cluster."""
    if settings.ray_address:
        return "a cluster of up to " + ", ".join(
            f"{node.count} {node.name} ({node.cpus:g} cores, {node.gpus:g} GPUs)"
            for node in settings.capacity.node_types
        )
    return f"{provenance.cores()} cores, {', '.join(provenance.gpus()) or 'no GPU'}"


def announce_time(settings: StudySettings, folder: ResultsFolder, console: Console) -> list[float]:
    """Time a trial's parts and say how long all will take; returns each trial's seconds, expected.

    A cluster's workers may differ from this machine and need not be up: nothing is timed then.
    """
    if settings.ray_address:
        console.print(f"how long shows when trials have ended; results in {folder.path}")
        return []
    plan, epochs, every = settings.plan, settings.run.epochs, settings.run.eval_every
    cost = subject.estimate_cost(settings)
    shortest = engine.expected_resource(
        epochs,
        epochs if plan.scheduler == "none" else plan.grace_period,
        plan.reduction_factor,
        1 / plan.reduction_factor,
    )
    few_s, many_s = cost.trial_s(shortest, every), cost.trial_s(epochs, every)
    ended = sum(row["status"] in ENDED for row in folder.read_trials())
    if trials := plan.num_samples - ended:
        times = [clock(trial_s * trials / plan.slots) for trial_s in (few_s, many_s)]
        text = f"about {' to '.join(dict.fromkeys(times))}"
        if plan.time_budget_s:
            text += f", at most {clock(plan.time_budget_s)}"
        if is_confirmed(settings):
            text += f", then {clock(confirmation_s(settings, cost))} for the runs that confirm"
        console.print(f"{text}; results in {folder.path}")
    return [(few_s + many_s) / 2] * plan.num_samples


if __name__ == "__main__":
    sys.exit(main())
