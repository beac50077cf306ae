"""``python study/run.py --num-samples 30``: search, and write what was found to ``results/``."""

import functools
import sys

from rich.console import Console

from dipddpm.cli import flag
from dipddpm.errors import ConfigError, DataError
from dipddpm.pipeline import check_sizes, dataset_of
from study import engine, provenance, subject
from study.description import Description
from study.display import clock
from study.records import load_study
from study.results import DASHBOARD_FILE, ResultsFolder
from study.settings import FLAGS, StudySettings, make_parser, resolve
from study.summary import describe_study, write_summary

EXIT_STATUS = {"finished": 0, "failed": 1, "interrupted": 130}


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        settings = resolve(args, provenance.cores(), len(provenance.gpus()))
        ResultsFolder.check(settings.results_dir, settings.plan.name)
        dataset = dataset_of(settings.run)
        check_sizes(settings.run, dataset)
    except ConfigError as error:
        name = FLAGS.get(error.name, error.name)
        parser.error(f"{flag(name)} is {error.value}; expected {error.expected}")
    except DataError as error:
        parser.error(str(error))
    except FileExistsError:
        path = settings.results_dir / settings.plan.name
        parser.error(f"--name is {settings.plan.name}; expected a new name, {path} exists")
    except OSError as error:
        parser.error(f"--results-dir is {settings.results_dir}; cannot write: {error.strerror}")
    info = {"settings": settings.to_json(), **provenance.everything()}
    described = subject.describe(settings)
    folder = ResultsFolder.create(settings.results_dir, settings.plan.name, described, info)
    try:
        return search(settings, described, folder, train_images=len(dataset.train))
    except KeyboardInterrupt:  # before the first trial or after the last: nothing is running
        print(f"interrupted; results so far in {folder.path}", file=sys.stderr)
        return EXIT_STATUS["interrupted"]


def search(
    settings: StudySettings, described: Description, folder: ResultsFolder, train_images: int
) -> int:
    """Announce, run, summarise; returns the exit status."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    plan = settings.plan
    announce(settings, described, train_images, console)
    cost = subject.estimate_cost(settings)
    trial_s = cost.trial_s(
        engine.expected_resource(settings.run.epochs, plan.grace_period, plan.reduction_factor)
        if plan.scheduler == "asha"
        else settings.run.epochs
    )
    longest_s = cost.trial_s(settings.run.epochs) * plan.num_samples / plan.slots
    console.print(
        f"about {clock(trial_s * plan.num_samples / plan.slots)}, or "
        f"{clock(longest_s)} if no trial is stopped early; results in {folder.path}"
    )
    engine.start_ray(provenance.cores(), len(provenance.gpus()))
    status = engine.run_study(
        described,
        functools.partial(
            subject.train,
            run_config=settings.run,
            num_threads=subject.threads(settings),
            device=subject.device(settings),
        ),
        plan,
        folder,
        expected_trial_s=trial_s,
        console=console,
    )
    study = load_study(folder.path)
    write_summary(study)
    console.print(describe_study(study))
    console.print(f"open {folder.path / DASHBOARD_FILE}")
    return EXIT_STATUS[status]


def announce(
    settings: StudySettings, described: Description, train_images: int, console: Console
) -> None:
    """Say what will run, and on what."""
    run, plan = settings.run, settings.plan
    dip = "no prior" if run.prior == "none" else f"{run.prior}, {run.dip_steps} DIP steps"
    console.print(
        f"{described.title}: {plan.num_samples} trials of up to {run.epochs} epochs "
        f"({dip}, {train_images} training images), preset {settings.preset}"
    )
    space = ", ".join(f"{p.name} {p.low:g} to {p.high:g}" for p in described.parameters)
    first = f"{len(described.start_points)} settings of the report first"
    console.print(f"space: {space}; {plan.sampler}, {plan.scheduler}, {first}")
    gpus = provenance.gpus()
    machine = f"{provenance.cores()} cores, {', '.join(gpus) if gpus else 'no GPU'}"
    console.print(
        f"on {machine}: {plan.slots} at once, {plan.cpus_per_trial:g} cores each"
        + (f" and {plan.gpus_per_trial:g} GPUs" if plan.gpus_per_trial else "")
    )
    if gpus and settings.preset == "quick":
        console.print("there is a GPU here: --preset report runs MNIST at the report's scale")


if __name__ == "__main__":
    sys.exit(main())
