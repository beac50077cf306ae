"""A command that runs a study: from its flags to a session with all that the work needs.

Everything that can go wrong before the first trial is found here, and said in one line.
"""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from dipddpm.cli import OneLineParser, flag
from dipddpm.config import RunConfig
from dipddpm.data import DATA_SOURCES, Dataset
from dipddpm.errors import ConfigError, DataError
from dipddpm.feature_store import shipped_card
from dipddpm.pipeline import check_sizes, dataset_of
from dipddpm.training import Trainer
from study.cluster import nodes
from study.cluster.capacity import Capacity, this_machine
from study.cluster.nodes import NodeError
from study.cluster.private_ray import check_machine
from study.commands.resume import (
    already_there,
    check_is_new,
    check_is_new_there,
    check_is_there,
    check_names_conditions,
    check_readable,
    check_resumable,
    earlier_study,
    name_to_resume,
)
from study.commands.session import Session
from study.engine.watch import RayIsLost
from study.problem import trainable
from study.problem.arguments import RESULTS_DIR, RUN
from study.problem.earlier import began_with, check_remembered, read_earlier, remembered
from study.problem.known_folders import recall, remember
from study.problem.metrics import OF_LABELS, SECOND_JUDGE
from study.problem.settings import StudySettings, is_own_folder
from study.results import provenance
from study.results.folder import DATABASE_FILE, LATEST, STUDY_FILE, ResultsFolder, StudyIsRunning
from study.results.optuna_export import check_file, check_storage, rename_studies
from study.results.private import shareable
from study.results.remote import (
    RemotePath,
    StorageCopy,
    StudiesDiffer,
    StudyIsDriven,
    fetch,
    open_storage,
    reaching,
    shown,
)
from study.results.tables import check_info
from study.spec.errors import DamagedFile, MachineError, SettingError
from study.spec.interrupts import exit_status
from study.spec.problem import Problem
from study.spec.status import StudyStatus
from study.spec.terminal import one_line

EXIT_STATUS = {StudyStatus.FINISHED: 0, StudyStatus.FAILED: 1}
"""The exit statuses of studies that were not interrupted."""

ONE_LINE = (
    *(DamagedFile, DataError, MachineError, NodeError),
    *(StudiesDiffer, StudyIsDriven, StudyIsRunning),
)
"""The errors, found before the first trial, whose message says all."""

NEEDED_TO_RESUME = (
    "settings.run.dataset",
    "settings.plan.num_samples",
    "arguments",
    "dataset_hash",
)
"""What ``study.json`` has to say so that the study can be resumed."""


@dataclass(frozen=True)
class Command:
    """What sets one command that runs a study apart from another.

    Attributes:
        name: what ``study.json`` calls the command, however it was started.
        parser: parses the flags; a flag that was not given is absent from what it returns.
        flags: the flag of a setting, where it has another name than the setting.
        resolve: makes the settings of the flags, for a machine or a cluster.
        describe: describes the problem that these settings study, given ``study.json`` of the study
            that is resumed, if one is.
        configs: one configuration per distinct number of images that a run needs, so that the size
            of the data set can be checked before the start.
        work: does the work of a session; returns how it ended.
    """

    name: str
    parser: OneLineParser
    flags: Mapping[str, str]
    resolve: Callable[[Mapping[str, Any], Capacity], StudySettings]
    describe: Callable[[StudySettings, Mapping[str, Any] | None], Problem]
    configs: Callable[[StudySettings], Iterable[RunConfig]]
    work: Callable[[Session], StudyStatus]


def execute(command: Command, argv: list[str] | None) -> int:
    """Run a command; return its exit status, which is 2 with one line on bad usage."""
    parser = command.parser
    given = vars(parser.parse_args(argv))
    results_dir = given.get("results_dir", RESULTS_DIR)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        session = open_session(command, given, console)
    except (SettingError, ConfigError) as error:
        field = command.flags.get(error.name, error.name)
        parser.error(f"{flag(field)} is {error.value}; expected {error.expected}")
    except ONE_LINE as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--results-dir is {results_dir}; cannot write: {error.strerror}")
    folder = session.folder.path
    try:
        with session:
            status = command.work(session)
            return exit_status() if status == StudyStatus.INTERRUPTED else EXIT_STATUS[status]
    except KeyboardInterrupt:  # before the first trial or after the last: nothing is running
        print(f"interrupted; results so far in {folder}", file=sys.stderr)
        return exit_status()
    except DamagedFile as error:
        print(one_line(f"{parser.prog}: {error}"), file=sys.stderr)
    except (OSError, RayIsLost) as error:
        left = f"{folder} can be read, and --resume {session.settings.plan.name} goes on with it"
        said = getattr(error, "strerror", None) or error
        print(one_line(f"{parser.prog}: {said}; {left}"), file=sys.stderr)
    return EXIT_STATUS[StudyStatus.FAILED]


def open_session(command: Command, given: Mapping[str, Any], console: Console) -> Session:
    """Check the flags, the data, the storage and the nodes, and open the results folder.

    Raises:
        SettingError, ConfigError: a flag is wrong.
        DataError: the data set cannot be read, or is another than the study's.
        NodeError: a node of the cluster cannot do its part.
        StudyIsRunning, StudyIsDriven, StudiesDiffer: the study cannot be written now.
        OSError: the results folder cannot be written.
    """
    capacity = _capacity(given, console)
    uri = given.get("storage_path")
    storage = open_storage(uri) if uri else None
    with contextlib.ExitStack() as opened:

        def claim(name: str) -> StorageCopy | None:
            if storage is None:
                return None
            return opened.enter_context(StorageCopy(storage / name, console.print))

        copy, earlier = None, None
        if "resume" in given:
            name = name_to_resume(given.get("results_dir", RESULTS_DIR), given)
            with reaching(uri):
                if storage:
                    check_is_there(storage, given.get("results_dir", RESULTS_DIR), name)
                copy = claim(name)
            earlier = _earlier(command, given, name, storage)
            given = {**given, "name": name}
        settings = command.resolve(_asked(given, earlier), capacity)
        if earlier is None:
            _check_is_new(settings, storage)
        problem = command.describe(settings, earlier)
        dataset = _dataset(command, settings)
        if earlier is not None:
            check_resumable(earlier, settings, problem, dataset)
        if url := given.get("storage_url"):
            is_new = earlier is None or earlier["name"] != settings.plan.name
            check_storage(url, settings.plan.name, is_new)
        else:
            check_file(settings.results_dir / settings.plan.name / DATABASE_FILE)
        _check_nodes(settings, storage, dataset)
        if storage and copy is None:
            with reaching(uri):
                storage.try_out()
                copy = claim(settings.plan.name)
        if is_own_folder(settings.run.dataset):
            remember(dataset.hash, settings.run.dataset)
        folder = _open_folder(command, settings, problem, earlier, given, dataset, console)
        opened.callback(folder.close)
        if copy:
            with reaching(uri):
                copy.follow(folder.path)
        return Session(settings, folder, dataset, console, copy, opened.pop_all())


def _capacity(given: Mapping[str, Any], console: Console) -> Capacity:
    """Join the cluster, if one is named; return what it or this machine can hold."""
    if address := given.get("ray_address"):
        nodes.join(address)
        return nodes.capacity(console.print)
    check_machine()
    return this_machine()


def _earlier(
    command: Command, given: Mapping[str, Any], name: str, storage: RemotePath | None
) -> dict[str, Any]:
    """Return ``study.json`` of the study to resume, fetched from the storage if it lies there.

    Raises:
        SettingError: there is no such study, or another command or an old version began it.
    """
    results_dir = given.get("results_dir", RESULTS_DIR)
    if storage:
        with reaching(given["storage_path"]):
            fetch(storage / name, results_dir / name)
    earlier = earlier_study(results_dir, name)
    if (began := earlier.get("command", RUN)) != command.name:
        raise SettingError("resume", name, f"a study of {command.name}, not {began}")
    check_names_conditions(earlier, name)
    file = results_dir / name / STUDY_FILE
    check_info(file, earlier, NEEDED_TO_RESUME)
    earlier = read_earlier(earlier)
    check_remembered(file, began_with(earlier))
    check_readable(results_dir / name)
    return earlier


def _asked(given: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the flags that were given, over those that a resumed study began with."""
    if earlier is None:
        return dict(given)
    began = began_with(earlier)
    if given.get("regime", began["regime"]) != began["regime"]:
        del began["objectives"]  # it is the regime that does not fit
    asked = {**began, **given}
    name = earlier["settings"]["run"]["dataset"]
    if "dataset" not in asked and name not in DATA_SOURCES:
        if (folder := recall(earlier["dataset_hash"])) is None:
            raise SettingError(
                "dataset", "not given", f"the folder {name} that the study began with"
            )
        asked["dataset"] = folder
    return asked


def _check_is_new(settings: StudySettings, storage: RemotePath | None) -> None:
    check_is_new(settings.results_dir, settings.plan.name)
    if storage:
        with reaching(settings.storage_path):
            check_is_new_there(storage, settings.plan.name)


def _dataset(command: Command, settings: StudySettings) -> Dataset:
    """Load the study's images; raise ConfigError where a run's settings do not fit them."""
    dataset = dataset_of(settings.run)
    _check_objectives(settings, dataset)
    for config in command.configs(settings):
        check_sizes(config, dataset)
        batch = dataset.train.images[: config.batch_size]
        Trainer(config, batch, batch)  # its networks may not take images of this size
    return dataset


def _check_objectives(settings: StudySettings, dataset: Dataset) -> None:
    """Raise SettingError where these images cannot have one of the objectives."""
    lacking = dict.fromkeys(OF_LABELS, "labels") if not int(dataset.train.labels.max()) else {}
    if shipped_card(dataset) is None:
        lacking[SECOND_JUDGE] = "shipped features"
    if wrong := [name for name in settings.objectives if name in lacking]:
        expected = f"without {wrong[0]}: these images have no {lacking[wrong[0]]}"
        raise SettingError("objectives", ",".join(settings.objectives), expected)


def _check_nodes(settings: StudySettings, storage: RemotePath | None, dataset: Dataset) -> None:
    if settings.ray_address:
        read_data = functools.partial(trainable.data_hash, settings.run)
        with reaching(settings.storage_path):
            nodes.check_nodes(storage, read_data, dataset.hash, settings.plan.gpus_per_trial > 0)


def _open_folder(
    command: Command,
    settings: StudySettings,
    problem: Problem,
    earlier: Mapping[str, Any] | None,
    given: Mapping[str, Any],
    dataset: Dataset,
    console: Console,
) -> ResultsFolder:
    """Open the results folder, new or as an earlier session left it; it is the latest then."""
    earlier_arguments = earlier.get("arguments", {}) if earlier else {}
    info = {
        "command": command.name,
        "settings": settings.to_json(),
        "arguments": {**earlier_arguments, **remembered(given)},
        "storage_url": settings.storage_url and shareable(settings.storage_url),
        "storage_path": settings.storage_path and shown(settings.storage_path),
        "dataset_hash": dataset.hash,
        **provenance.everything(),
    }
    if settings.ray_address:
        info["cluster"] = dataclasses.asdict(settings.capacity)
    name = settings.plan.name
    if earlier is None:
        try:
            folder = ResultsFolder.create(settings.results_dir, name, problem, info)
        except FileExistsError:  # another process has made it since
            raise already_there(settings.results_dir, name) from None
    else:
        folder = ResultsFolder.reopen(settings.results_dir / name, problem, info)
        _rename_in_database(folder, settings, earlier["name"], console)
    if not folder.make_latest():
        latest = settings.results_dir / LATEST
        console.print(f"{latest} is no link to the newest study, but your own: it is left alone")
    return folder


def _rename_in_database(
    folder: ResultsFolder, settings: StudySettings, before: str, console: Console
) -> None:
    """Let a study that was copied or renamed keep its trials in ``study.db``."""
    database = folder.path / DATABASE_FILE
    if before == settings.plan.name or settings.storage_url:
        return
    if why := rename_studies(database, before, settings.plan.name):
        console.print(f"{database} keeps the name {before}: {why}")
