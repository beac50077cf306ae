"""DIP→DDPM as a problem of the study: what is searched, what is reported, what there is to see."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

from dipddpm.cli import flag, rerun_command
from dipddpm.config import RunConfig
from dipddpm.data import DATA_SOURCES
from dipddpm.priors import PRIORS
from study.problem.metrics import METRICS
from study.problem.published import NOT_PUBLISHED, PUBLISHED_COMBINED
from study.problem.search_space import SEARCHABLE, searched
from study.problem.settings import StudySettings
from study.spec.problem import Parameter, Problem, Stage, Value

STAGES = (
    Stage("noisy", "noisy (held-out images, corrupted)"),
    Stage("restored", "restored by DIP (the same images)"),
    Stage("prior", "prior set (what the DDPM learns from)"),
    Stage("samples", "samples (drawn by the DDPM)"),
)

FILMS = (
    Stage("restoration-film", "DIP at work on the noisy images"),
    Stage("sampling-film", "from noise to samples, step by step"),
)

PLACEHOLDER = "PATH/TO"
"""What stands for the folder that holds the user's folder of images."""

SEARCH_LUCK = (
    "Fresh seeds do not show everything. In 100 searches of 30 trials, replayed on recorded runs "
    "of 8×8 digits, the FID of the recommended setting varied by 9 % (standard deviation)."
)
"""What ``benchmarks/search_luck.py`` has found."""

ONE_NETWORK = (
    "And the FID is by one network's features: on MNIST a comparison turned round by those of "
    "another."
)
"""What ``benchmarks/pair_noise.py`` has found; the built-in images have features of a second."""

ORIGINAL_SETTINGS = tuple(
    setting for setting, said in PUBLISHED_COMBINED if said is not NOT_PUBLISHED
)
"""The (dip_lr, ddpm_lr, std) of the original's six DIP→DDPM runs, in its order."""


def describe(settings: StudySettings) -> Problem:
    """Return the problem of a search with these settings."""
    parameters = _space(settings)
    problem = describe_trials(settings, parameters, _start_points(settings, parameters))
    original = original_setting(settings)
    return dataclasses.replace(
        problem,
        reference={p.name: original[p.name] for p in parameters},
        reference_label="the original setting",
        caution=SEARCH_LUCK
        if settings.run.dataset in DATA_SOURCES
        else f"{SEARCH_LUCK} {ONE_NETWORK}",
    )


def describe_trials(
    settings: StudySettings,
    parameters: tuple[Parameter, ...],
    start_points: tuple[dict[str, Value], ...],
) -> Problem:
    """Return the problem of DIP→DDPM runs over any parameters.

    Args:
        start_points: the settings that are tried first.
    """
    run = settings.run
    return Problem(
        title=f"DIP→DDPM on {Path(run.dataset).name}"
        + (", noisy images only" if run.regime == "noisy" else "")
        + (" (a smoke test: its figures mean nothing)" if settings.smoke_test else ""),
        parameters=parameters,
        metrics=METRICS,
        objectives=settings.objectives,
        resource="epoch",
        max_resource=run.epochs,
        stages=STAGES if PRIORS[run.prior].restores else STAGES[2:],
        films=FILMS,
        start_points=start_points,
        rerun=_rerun(settings, parameters),
    )


def _space(settings: StudySettings) -> tuple[Parameter, ...]:
    """Return the parameters that are searched: the table's, but for those with one value."""
    parameters = []
    for each in searched(settings.run, settings.space):
        low, high = settings.intervals.get(each.name) or each.interval(settings.run)
        if low < high or not each.can_be_fixed:
            parameters.append(each.parameter((low, high), settings.run))
    return tuple(parameters)


def _start_points(
    settings: StudySettings, parameters: tuple[Parameter, ...]
) -> tuple[dict[str, Value], ...]:
    """Return the original's settings that lie in the space, each once, the rest as in the run."""
    points: list[dict[str, Value]] = []
    for values in ORIGINAL_SETTINGS:
        setting = _with_original(settings, values)
        point = {p.name: setting[p.name] for p in parameters}
        inside = all(p.contains(point[p.name]) for p in parameters)
        if inside and point not in points:
            points.append(point)
    return tuple(points)


def _rerun(settings: StudySettings, parameters: tuple[Parameter, ...]) -> str:
    """Return the command that reruns a trial, with each parameter and the seed in braces.

    Threads and device stand in it, since they change the order of floating-point sums.
    """
    names = list(dict.fromkeys([*(p.name for p in parameters), "seed"]))
    fixed = rerun_text(settings.preset, settings.run, set(names))
    fixed = fixed.replace("{", "{{").replace("}", "}}")
    varied = " ".join(f"{flag(name)} {{{name}}}" for name in names)
    return f"OMP_NUM_THREADS={threads(settings)} {fixed} --device {device(settings)} {varied}"


def rerun_text(preset_name: str, run: RunConfig, leave_out: Collection[str]) -> str:
    """Return the command that repeats a run, as results hold it.

    Folders are the user's own, and results are shared: ``--data-dir`` is left out, and a data set
    that is a folder stands there by its name, behind a placeholder for where it lies.
    """
    if run.dataset not in DATA_SOURCES:
        run = dataclasses.replace(run, dataset=f"{PLACEHOLDER}/{Path(run.dataset).name}")
    return rerun_command(preset_name, run, {"data_dir", *leave_out})


def original_setting(settings: StudySettings) -> dict[str, Value]:
    """Return the original's first DIP→DDPM run, as values of all that can be searched."""
    return _with_original(settings, ORIGINAL_SETTINGS[0])


def _with_original(settings: StudySettings, values: tuple[float, float, float]) -> dict[str, Value]:
    """Return the run's values of all that can be searched, but for the original's three."""
    base = {name: each.value(settings.run) for name, each in SEARCHABLE.items()}
    return {**base, **dict(zip(("dip_lr", "ddpm_lr", "std"), values, strict=True))}


def device(settings: StudySettings) -> str:
    """Return the device of all trials, ``cuda`` if they ask for GPUs.

    It is never chosen by what a trial finds: Ray does not hide GPUs from trials that ask for none,
    and a trial whose GPU does not work should fail rather than train without it.
    """
    return "cuda" if settings.plan.gpus_per_trial else "cpu"


def threads(settings: StudySettings) -> int:
    """Return the number of threads of each trial."""
    return max(1, int(settings.plan.cpus_per_trial))
