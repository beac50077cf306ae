"""The original report's experiments as a fixed design of conditions, as reported or controlled.

*As reported* follows the original report in all that its notebooks show; *controlled* changes one
thing at a time on common ground. Each claim is decided on controlled conditions alone.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.config import RunConfig, shareable
from dipddpm.data import DATA_SOURCES
from dipddpm.features import Features
from study.analysis.conditions import Point, fixed_design, trials_with
from study.cluster.capacity import Capacity
from study.problem.definition import describe_trials, device, rerun_text, threads
from study.problem.metrics import MEASURED_WORK
from study.problem.published import NOT_PUBLISHED, PUBLISHED_ALONE, PUBLISHED_COMBINED, PublishedRun
from study.problem.search_space import NOISY_STD
from study.problem.settings import StudySettings, resolve
from study.problem.trainable import train
from study.replication import extra_scores
from study.replication.condition_names import (
    ALONE,
    ALONE_NORM,
    ALONE_UNIT,
    AS_REPORTED,
    COMBINED,
    CONTROLLED,
    DIP_LR_SERIES,
    DIP_LR_STD,
    FEW_STEPS,
    NOISY_ALONE,
    NOISY_COMBINED,
    PARAMETER,
    RIVALS,
    STD_SERIES,
    as_reported_name,
    dip_lr_name,
    setting_name,
    std_name,
)
from study.spec.errors import SettingError
from study.spec.problem import FIXED_DESIGN, Parameter, Problem, Stage

QUICK_DATASET = "digits"
QUICK_EPOCHS = 18
"""Some sixty runs, the original's own network among them, must end in a quarter of an hour."""

CONTROLLED_SEEDS = 5
"""Runs of each controlled condition, unless asked otherwise."""

ORIGINAL_BATCH_SIZE = 128
DDPM_LR = 1e-3  # of all controlled conditions: the original's own for its DDPM alone


@dataclass(frozen=True)
class ConditionPlan:
    """How a condition is run, and what the original report says of it.

    Attributes:
        name: the condition's.
        kind: as reported or controlled.
        config: the configuration of its runs, but for the seed.
        published: what the original report says of the run.
        extra_scores: takes the extra scores at the end of each of its runs, if there are any.
    """

    name: str
    kind: str
    config: RunConfig
    published: PublishedRun = NOT_PUBLISHED
    extra_scores: Callable[..., None] | None = None

    @property
    def cost_key(self) -> tuple[Any, ...]:
        """A key that is equal for runs that take equally long: rates and std do not matter."""
        return dataclasses.astuple(
            dataclasses.replace(self.config, dip_lr=1.0, ddpm_lr=1.0, std=1.0)
        )


def original_recipe(run: RunConfig) -> RunConfig:
    """Return the original's DDPM and restorer at the budget of ``run``.

    Where its denoiser does not fit the images (28×28, grey), the compact one with the same norm of
    its input stands in.
    """
    source = DATA_SOURCES.get(run.dataset)
    fits = source is not None and source.shape == (1, 28, 28)
    return dataclasses.replace(
        run,
        denoiser="original" if fits else "unet-input-norm",
        prediction="epsilon",
        min_snr=0.0,
        schedule="linear",
        timesteps=1000,
        sampler_order=1,
        spacing="time",
        sampling_weights="best-epoch",
        output_range="rescale",
        batch_size=ORIGINAL_BATCH_SIZE,
        variance="beta",
        eta=1.0,
        restorer="original",
        dip_noise="once",
        dip_batch_size=ORIGINAL_BATCH_SIZE,
        dip_width=64,
        score_split="test",
        eval_every=run.epochs,
    )


def as_reported(run: RunConfig) -> list[ConditionPlan]:
    """Return the runs of the original report: 100 images drawn by all 1,000 ancestral steps."""
    base = dataclasses.replace(original_recipe(run), sampler_steps=1000, scored_images=100)
    alone = dataclasses.replace(base, prior="none", ddpm_lr=1e-3, loader="per-image")
    name, scores = as_reported_name(ALONE), extra_scores.as_they_are
    plans = [ConditionPlan(name, AS_REPORTED, alone, PUBLISHED_ALONE, scores)]
    for place, ((dip_lr, ddpm_lr, std), published) in enumerate(PUBLISHED_COMBINED):
        config = dataclasses.replace(
            base,
            prior="restorer",
            value_range="unit",
            dip_lr=dip_lr,
            ddpm_lr=ddpm_lr,
            std=std,
        )
        name = as_reported_name(setting_name(dip_lr, ddpm_lr, std))
        also = None if place else extra_scores.restoration_as_they_are
        plans.append(ConditionPlan(name, AS_REPORTED, config, published, also))
    return plans


def controlled(run: RunConfig) -> list[ConditionPlan]:
    """Return conditions that differ from one another in one thing, scored on the test split.

    All have the original's diffusion, compact networks, and the same input pipeline and ddpm_lr.
    """
    base = dataclasses.replace(
        run,
        prior="none",
        restorer="unet",
        denoiser="unet",
        prediction="epsilon",  # by which an error in mean grey is largest where noise is
        min_snr=0.0,
        schedule="linear",
        dip_lr=1e-3,
        ddpm_lr=DDPM_LR,
        std=1.0,
        score_split="test",
        eval_every=run.epochs,
    )

    def plan(name: str, scores: Callable[..., None] | None = None, **changes: Any) -> ConditionPlan:
        config = dataclasses.replace(base, **changes)
        return ConditionPlan(name, CONTROLLED, config, extra_scores=scores)

    def combined(name: str, **changes: Any) -> ConditionPlan:
        return plan(name, prior="restorer", **changes)

    noisy: dict[str, Any] = {"regime": "noisy", "std": NOISY_STD}
    plans = [
        plan(ALONE),
        plan(ALONE_UNIT, value_range="unit"),
        plan(ALONE_NORM, denoiser="unet-input-norm"),
        plan(COMBINED, extra_scores.everything, prior="restorer"),
    ]
    plans += [combined(std_name(std), std=std) for std in STD_SERIES if std != 1.0]
    plans += [
        combined(dip_lr_name(dip_lr), dip_lr=dip_lr, std=DIP_LR_STD)
        for dip_lr in DIP_LR_SERIES
        if dip_lr != 1e-3
    ]
    plans += [
        plan(NOISY_ALONE, **noisy),
        plan(NOISY_COMBINED, extra_scores.restoration, prior="restorer", **noisy),
    ]
    plans += [
        plan(name, extra_scores.restoration, prior=prior, **noisy) for prior, name in RIVALS.items()
    ]
    return plans


def plans_of(run: RunConfig) -> dict[str, ConditionPlan]:
    """Return how all conditions are run, by name."""
    return {plan.name: plan for plan in as_reported(run) + controlled(run)}


def configs_of(settings: StudySettings) -> list[RunConfig]:
    """Return the configurations of all conditions, without their seeds."""
    return [plan.config for plan in plans_of(settings.run).values()]


def points_of(settings: StudySettings) -> tuple[Point, ...]:
    """Return all runs: as reported with one seed, controlled with several others."""
    plans, first = plans_of(settings.run).values(), settings.plan.seed

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
