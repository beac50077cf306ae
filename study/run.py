"""``python study/run.py --num-samples 30``: search, confirm, and write it all to ``results/``."""

import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from dipddpm.cli import flag
from dipddpm.data import Dataset
from dipddpm.errors import ConfigError, DataError
from dipddpm.pipeline import check_sizes, dataset_of
from study import engine, provenance, subject
from study.confirm import confirm, confirmation_s, is_confirmed
from study.mirror import check_storage, redacted
from study.records import load_study
from study.results import DASHBOARD_FILE, ENDED, ResultsFolder, StudyIsRunning
from study.resume import check_resumable, earlier_study
from study.search import NEEDED
from study.settings import DEFAULTS, FLAGS, StudySettings, make_parser, remembered, resolve
from study.summary import write_summary
from study.words import clock, describe_study

EXIT_STATUS = {"finished": 0, "failed": 1, "interrupted": 130}


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    given = vars(parser.parse_args(argv))
    results_dir = given.get("results_dir", DEFAULTS["results_dir"])
    url = given.get("storage_url", "")
    before: dict[str, Any] = {}
    try:
        if "resume" in given:
            before = earlier_study(results_dir, given)
            asked = {**before["arguments"], **given, "name": before["name"]}
            asked.setdefault("num_samples", before["settings"]["plan"]["num_samples"])
        else:
            asked = given
        settings = resolve(asked, provenance.cores(), len(provenance.gpus()))
        name = settings.plan.name
        if not before:
            ResultsFolder.check(results_dir, name)
        dataset = dataset_of(settings.run)
        check_sizes(settings.run, dataset)
        if before:
            check_resumable(before, settings, dataset)
        if url:
            check_storage(url, name, is_new=not before)
        folder = _open(settings, before, given, dataset)
    except ConfigError as error:
        field = FLAGS.get(error.name, error.name)
        parser.error(f"{flag(field)} is {error.value}; expected {error.expected}")
    except (DataError, StudyIsRunning) as error:
        parser.error(str(error))
    except FileExistsError:
        there = f"{results_dir / name} exists; --resume {name} goes on with it"
        parser.error(f"--name is {name}; expected a new name, {there}")
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        parser.error(f"--storage-url is {redacted(url)}; cannot be used: {reason}")
    except OSError as error:
        parser.error(f"--results-dir is {results_dir}; cannot write: {error.strerror}")
    try:
        return EXIT_STATUS[run(settings, folder, len(dataset.train))]
    except KeyboardInterrupt:  # before the first trial or after the last: nothing is running
        print(f"interrupted; results so far in {folder.path}", file=sys.stderr)
        return EXIT_STATUS["interrupted"]
    except OSError as error:
        left = f"{folder.path} can be read, and gone on with by --resume {name}"
        print(f"study/run.py: {error.strerror or error}; {left}", file=sys.stderr)
        return EXIT_STATUS["failed"]
    finally:
        folder.close()


def _open(
    settings: StudySettings, before: Mapping[str, Any], given: Mapping[str, Any], dataset: Dataset
) -> ResultsFolder:
    """The results folder, new or as an earlier session left it."""
    info = {
        "settings": settings.to_json(),
        "arguments": {**before.get("arguments", {}), **remembered(given)},
        "storage_url": settings.storage_url and redacted(settings.storage_url),
        "dataset_hash": dataset.hash,
        **provenance.everything(),
    }
    described = subject.describe(settings)
    if before:
        path = settings.results_dir / settings.plan.name
        folder = ResultsFolder.reopen(path, described, info)
    else:
        folder = ResultsFolder.create(settings.results_dir, settings.plan.name, described, info)
    folder.make_latest()
    return folder


def run(settings: StudySettings, folder: ResultsFolder, train_images: int) -> str:
    """Announce, search, confirm, and say what was found; returns how it ended."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    announce(settings, folder, train_images, console)
    trial_s = announce_time(settings, folder, console)
    status = engine.run_study(
        folder.subject,
        subject.trainable(settings),
        settings.plan,
        folder,
        expected_trial_s=trial_s,
        console=console,
        storage_url=settings.storage_url,
    )
    study = load_study(folder.path)
    write_summary(study)
    time_is_up = "reason" in folder.info["sessions"][-1]
    if study.best and is_confirmed(settings) and (status == "finished" or time_is_up):
        confirmed = confirm(settings, study, console)
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
    if rows := folder.read_trials():
        ended = sum(row["status"] in ENDED for row in rows)
        console.print(f"resumed: {ended} have ended, {len(rows) - ended} go on where they were")
    space = ", ".join(f"{p.name} {p.low:g} to {p.high:g}" for p in described.parameters)
    first = f"{len(described.start_points)} settings of the report first"
    console.print(f"space: {space}; {plan.sampler}, {plan.scheduler}, {first}")
    if plan.num_samples < (needed := NEEDED.get(plan.sampler, 0)):
        console.print(
            f"{plan.sampler} will hardly learn from {plan.num_samples} trials: it takes {needed}"
        )
    gpus = provenance.gpus()
    machine = f"{provenance.cores()} cores, {', '.join(gpus) if gpus else 'no GPU'}"
    console.print(
        f"on {machine}: {plan.slots} at once, {plan.cpus_per_trial:g} cores each"
        + (f" and {plan.gpus_per_trial:g} GPUs" if plan.gpus_per_trial else "")
    )
    if gpus and settings.preset == "quick":
        console.print("there is a GPU here: --preset report runs MNIST at the report's scale")


def announce_time(settings: StudySettings, folder: ResultsFolder, console: Console) -> float:
    """Time a trial's parts and say how long all will take; returns seconds of a trial, expected."""
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
    return (few_s + many_s) / 2


if __name__ == "__main__":
    sys.exit(main())
