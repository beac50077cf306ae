"""The original report's experiments as a fixed design: what is run, with which seeds, and how."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dipddpm.config import RunConfig, shareable
from dipddpm.features import Features
from study.analysis.conditions import Point, fixed_design, trials_with
from study.analysis.sequential import Looks
from study.cluster.capacity import Capacity
from study.problem.definition import describe_trials, device, rerun_text, threads
from study.problem.metrics import MEASURED_WORK
from study.problem.settings import StudySettings, resolve
from study.problem.trainable import train
from study.replication.condition_names import (
    AS_REPORTED,
    CONTROLLED,
    FEW_STEPS,
    PARAMETER,
)
from study.replication.condition_plans import ORIGINAL_BATCH_SIZE, ConditionPlan, plans_of
from study.replication.schedule import BUDGET_H, COMPACT, MOST_SEEDS, first_points
from study.spec.errors import SettingError
from study.spec.problem import FIXED_DESIGN, Parameter, Problem, Stage

QUICK_DATASET = "digits"
QUICK_EPOCHS = 18
"""Some hundred runs, the original's own network among them, must end in a quarter of an hour."""

CONTROLLED_SEEDS = 5
"""Runs of each controlled condition, unless asked otherwise."""


def configs_of(settings: StudySettings) -> list[RunConfig]:
    """Return the configurations of all conditions, without their seeds."""
    return [plan.config for plan in plans_of(settings.run).values()]


def points_of(settings: StudySettings) -> tuple[Point, ...]:
    """Return all runs: as reported with one seed, controlled with several others.

    Of preset ``compact`` they are those up to the first look.
    """
    plans, first = plans_of(settings.run).values(), settings.plan.seed
    if settings.preset == COMPACT:
        return tuple(first_points(looks_of(settings), first))

    def named(kind: str) -> list[Point]:
        return [{PARAMETER: plan.name} for plan in plans if plan.kind == kind]

    seeds = range(first + 1, first + 1 + settings.confirm_seeds)
    return (*fixed_design(named(AS_REPORTED), [first]), *fixed_design(named(CONTROLLED), seeds))


def resolve_design(given: Mapping[str, Any], capacity: Capacity) -> StudySettings:
    """Return the settings of the flags that were given.

    Raises:
        SettingError: names the field whose flag is wrong.
    """
    given = dict(given)
    if given.get("preset", "quick") == "quick":
        given.setdefault("dataset", QUICK_DATASET)
        given.setdefault("epochs", QUICK_EPOCHS)
    if given.get("preset") == COMPACT:
        given.setdefault("confirm_seeds", MOST_SEEDS)
        if "price_per_hour" not in given:
            given.setdefault("budget", BUDGET_H)
    given.setdefault("confirm_seeds", CONTROLLED_SEEDS)
    settings = resolve({**given, "num_samples": 1, "confirm_top": 0}, capacity)
    size = settings.run.train_size
    if size is not None and size < ORIGINAL_BATCH_SIZE:
        raise SettingError(
            "train_size", size, f"at least {ORIGINAL_BATCH_SIZE}, a batch of the original's"
        )
    plan = dataclasses.replace(
        settings.plan,
        num_samples=trials_with(settings.results_dir / settings.plan.name, points_of(settings)),
        sampler=FIXED_DESIGN,
        scheduler="none",
        slots=capacity.slots(
            settings.plan.cpus_per_trial, settings.plan.gpus_per_trial, given.get("max_concurrent")
        ),
    )
    return dataclasses.replace(settings, plan=plan)


def looks_of(settings: StudySettings) -> Looks:
    """Return the looks of a design whose seeds come in groups."""
    return Looks.up_to(settings.confirm_seeds)


def describe(settings: StudySettings) -> Problem:
    """Return the problem whose trials are the runs of the design."""
    plans = plans_of(settings.run)
    commands = tuple(
        rerun_text(settings.preset, plan.config, {"seed"}).removeprefix("python -m dipddpm run ")
        for plan in plans.values()
    )
    parameters = (
        Parameter(
            PARAMETER,
            "condition",
            choices=tuple(plans),
            commands=commands,
            affects=MEASURED_WORK,
        ),
        Parameter("seed", "seed", 0, 2**32 - 1, step=1),
    )
    problem = describe_trials(settings, parameters, points_of(settings))
    return dataclasses.replace(
        problem,
        title=problem.title + ", the original report's experiments",
        stages=(
            *problem.stages[:-1],
            Stage("fitted-noisy", "the fitted batch, corrupted as it was fitted"),
            Stage("fitted", "the fitted batch restored, in-sample"),
            Stage("fitted-wrapped", "the same as the original shows it: values wrap around"),
            Stage("refined", "refined (restored, noised to t₀, denoised by the DDPM)"),
            Stage("as-they-are", "samples clipped at each step, as they are"),
            Stage("from-noise", f"samples from noise in {FEW_STEPS} reverse steps"),
            Stage("from-prior", f"samples from a noised prior at t₀ in {FEW_STEPS}"),
            problem.stages[-1],
        ),
        rerun=f"OMP_NUM_THREADS={threads(settings)} python -m dipddpm run {{{PARAMETER}}} "
        f"--device {device(settings)} "
        "--seed {seed}",
    )


def trainable(
    settings: StudySettings, features: Features, unfinished: Path | None
) -> Callable[[dict[str, Any]], None]:
    """Return the Tune function of the design.

    ``unfinished`` is where runs under way are kept on this machine.
    """
    return functools.partial(
        train_condition,
        plans=plans_of(settings.run),
        features=features,
        num_threads=threads(settings),
        device=device(settings),
        unfinished=unfinished,
    )


def train_condition(
    parameters: dict[str, Any],
    plans: Mapping[str, ConditionPlan],
    features: Features,
    num_threads: int,
    device: str,
    unfinished: Path | None,
) -> None:
    """Train one run of the design, as :func:`study.problem.trainable.train` does."""
    plan, seed = plans[parameters[PARAMETER]], parameters["seed"]
    place = local_folder_of(unfinished, plan.config, seed) if unfinished else None
    train({"seed": seed}, plan.config, features, num_threads, device, place, plan.extra_scores)


def local_folder_of(unfinished: Path, config: RunConfig, seed: int) -> Path:
    """Return where a run under way is kept: by its settings, so that none resumes another's."""
    settings = json.dumps({**_without_folders(config), "seed": seed})
    return unfinished / hashlib.sha256(settings.encode()).hexdigest()[:16]


def as_info(settings: StudySettings) -> dict[str, Any]:
    """Return what ``study.json`` says of the conditions, so that the page can be drawn from it."""
    return {
        "conditions": {
            name: {
                "parameters": {PARAMETER: name},
                "kind": plan.kind,
                "settings": _without_folders(plan.config),
                "published": dataclasses.asdict(plan.published),
            }
            for name, plan in plans_of(settings.run).items()
        }
    }


def _without_folders(config: RunConfig) -> dict[str, Any]:
    """Return a configuration anonymised: without the user's folders, since results are shared."""
    settings = shareable(config)
    del settings["data_dir"]
    return settings
