"""The original's experiments as a fixed design: a row per setting, as reported or controlled.

*As reported* follows the original report in all that its notebooks show; *controlled* changes one
thing at a time on common ground. Each claim is decided on controlled rows alone.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.cli import rerun_command
from dipddpm.config import RunConfig
from dipddpm.data import DATA_SOURCES
from study.cluster.capacity import Capacity
from study.commands.confirm import trials_with
from study.problem.definition import MEASURED_WORK, describe_trials, device, threads
from study.problem.published import NOT_PUBLISHED, PUBLISHED_ALONE, PUBLISHED_COMBINED, PublishedRun
from study.problem.search_space import NOISY_STD
from study.problem.settings import StudySettings, resolve
from study.problem.trainable import train
from study.replication import extra_scores
from study.replication.conditions import (
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
    STD_SERIES,
    as_reported_name,
    dip_lr_name,
    setting_name,
    std_name,
)
from study.spec.errors import SettingError
from study.spec.problem import FIXED_DESIGN, Parameter, Problem, Stage, Value

QUICK_EPOCHS = 18
"""Half of a search's: some sixty runs must end in a quarter of an hour on two cores."""

ORIGINAL_BATCH_SIZE = 128
DDPM_LR = 1e-3  # of all controlled rows: the original's own for its DDPM alone


@dataclass(frozen=True)
class Row:
    name: str
    kind: str
    config: RunConfig
    """All but the seed."""
    reported: PublishedRun = NOT_PUBLISHED
    look: Callable[..., None] | None = None
    """What is measured besides, at the end of each of its runs."""

    @property
    def cost_key(self) -> tuple[Any, ...]:
        """Equal for rows whose runs take equally long: learning rates and std do not matter."""
        return dataclasses.astuple(
            dataclasses.replace(self.config, dip_lr=1.0, ddpm_lr=1.0, std=1.0)
        )


def original_recipe(run: RunConfig) -> RunConfig:
    """The original's DDPM and restorer at the budget of ``run``.

    Where its denoiser does not fit the images (28×28, grey), the compact one with the same norm of
    its input stands in.
    """
    source = DATA_SOURCES.get(run.dataset)
    fits = source is not None and source.shape == (1, 28, 28)
    return dataclasses.replace(
        run,
        denoiser="original" if fits else "unet-input-norm",
        prediction="epsilon",
        schedule="linear",
        timesteps=1000,
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


def as_reported(run: RunConfig) -> list[Row]:
    """One seed; 100 images drawn by all 1,000 ancestral steps."""
    base = dataclasses.replace(original_recipe(run), sampler_steps=1000, scored_images=100)
    alone = dataclasses.replace(base, prior="none", ddpm_lr=1e-3, loader="per-image")
    rows = [
        Row(as_reported_name(ALONE), AS_REPORTED, alone, PUBLISHED_ALONE, extra_scores.as_they_are)
    ]
    for place, ((dip_lr, ddpm_lr, std), reported) in enumerate(PUBLISHED_COMBINED):
        config = dataclasses.replace(
            base,
            prior="restorer",
            value_range="unit",
            dip_lr=dip_lr,
            ddpm_lr=ddpm_lr,
            std=std,
        )
        name = as_reported_name(setting_name(dip_lr, ddpm_lr, std))
        look = None if place else extra_scores.restoration_as_they_are
        rows.append(Row(name, AS_REPORTED, config, reported, look))
    return rows


def controlled(run: RunConfig) -> list[Row]:
    """The original's diffusion, compact networks, one input pipeline, range and ddpm_lr for all.

    Scored on the test split.
    """
    base = dataclasses.replace(
        run,
        prior="none",
        restorer="unet",
        denoiser="unet",
        prediction="epsilon",  # by which an error in mean grey is largest where noise is
        schedule="linear",
        dip_lr=1e-3,
        ddpm_lr=DDPM_LR,
        std=1.0,
        score_split="test",
        eval_every=run.epochs,
    )

    def row(name: str, look: Callable[..., None] | None = None, **changes: Any) -> Row:
        return Row(name, CONTROLLED, dataclasses.replace(base, **changes), look=look)

    def combined(name: str, **changes: Any) -> Row:
        return row(name, prior="restorer", **changes)

    noisy: dict[str, Any] = {"regime": "noisy", "std": NOISY_STD}
    rows = [
        row(ALONE),
        row(ALONE_UNIT, value_range="unit"),
        row(ALONE_NORM, denoiser="unet-input-norm"),
        row(COMBINED, extra_scores.everything, prior="restorer"),
    ]
    rows += [combined(std_name(std), std=std) for std in STD_SERIES if std != 1.0]
    rows += [
        combined(dip_lr_name(dip_lr), dip_lr=dip_lr, std=DIP_LR_STD)
        for dip_lr in DIP_LR_SERIES
        if dip_lr != 1e-3
    ]
    rows += [
        row(NOISY_ALONE, **noisy),
        row(NOISY_COMBINED, extra_scores.restoration, prior="restorer", **noisy),
    ]
    return rows


def rows_of(run: RunConfig) -> dict[str, Row]:
    """The whole design by name."""
    return {row.name: row for row in as_reported(run) + controlled(run)}


def configs_of(settings: StudySettings) -> list[RunConfig]:
    """Of all rows, without their seeds."""
    return [row.config for row in rows_of(settings.run).values()]


def points_of(settings: StudySettings) -> tuple[dict[str, Value], ...]:
    """A run each: as reported with one seed, controlled with several that are others.

    A seed at a time, so that what disturbs the machine disturbs all rows alike.
    """
    rows, first = rows_of(settings.run).values(), settings.plan.seed
    points: list[dict[str, Value]] = [
        {"row": row.name, "seed": first} for row in rows if row.kind == AS_REPORTED
    ]
    points += [
        {"row": row.name, "seed": first + 1 + i}
        for i in range(settings.confirm_seeds)
        for row in rows
        if row.kind == CONTROLLED
    ]
    return tuple(points)


def resolve_design(given: Mapping[str, Any], capacity: Capacity) -> StudySettings:
    """Settings from the flags that were given.

    Raises:
        SettingError: names the field whose flag is wrong.
    """
    given = dict(given)
    if given.get("preset", "quick") == "quick":
        given.setdefault("epochs", QUICK_EPOCHS)
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
    """The study of the rows, for the engine."""
    rows = rows_of(settings.run)
    leave_out = ("seed", "data_dir")
    commands = tuple(
        rerun_command(settings.preset, row.config, leave_out).removeprefix("python -m dipddpm run ")
        for row in rows.values()
    )
    parameters = (
        Parameter("row", "row", choices=tuple(rows), commands=commands, affects=MEASURED_WORK),
        Parameter("seed", "seed", 0, 2**32 - 1, step=1),
    )
    problem = describe_trials(settings, parameters, points_of(settings))
    return dataclasses.replace(
        problem,
        title=problem.title + ", the original's experiments",
        stages=(
            *problem.stages[:-1],
            Stage("refined", "refined (restored, noised to t₀, denoised by the DDPM)"),
            Stage("as-they-are", "samples clipped at each step, as they are"),
            Stage("from-noise", f"samples from noise in {FEW_STEPS} reverse steps"),
            Stage("from-prior", f"samples from a noised prior at t₀ in {FEW_STEPS}"),
            problem.stages[-1],
        ),
        rerun=f"OMP_NUM_THREADS={threads(settings)} python -m dipddpm run {{row}} "
        f"--device {device(settings)} "
        "--seed {seed}",
    )


def trainable(settings: StudySettings, keep: Path | None) -> Callable[[dict[str, Any]], None]:
    """The Tune function of the rows; ``keep`` is where runs under way are kept on this machine."""
    return functools.partial(
        train_row,
        rows=rows_of(settings.run),
        num_threads=threads(settings),
        device=device(settings),
        keep=keep,
    )


def train_row(
    parameters: dict[str, Any],
    rows: Mapping[str, Row],
    num_threads: int,
    device: str,
    keep: Path | None,
) -> None:
    row, seed = rows[parameters["row"]], parameters["seed"]
    place = keep_place(keep, row.config, seed) if keep else None
    train({"seed": seed}, row.config, num_threads, device, place, row.look)


def keep_place(keep: Path, config: RunConfig, seed: int) -> Path:
    """Where a run under way is kept: by its settings, so that no run goes on with another's."""
    settings = json.dumps({**_without_folders(config), "seed": seed})
    return keep / hashlib.sha256(settings.encode()).hexdigest()[:16]


def as_info(settings: StudySettings) -> dict[str, Any]:
    """What ``study.json`` says of the rows, so that the page can be drawn from it."""
    run = settings.run
    return {
        "arms": {name: {"row": name} for name in rows_of(run)},
        "rows": {
            name: {
                "kind": row.kind,
                "settings": _without_folders(row.config),
                "reported": dataclasses.asdict(row.reported),
            }
            for name, row in rows_of(run).items()
        },
    }


def _without_folders(config: RunConfig) -> dict[str, Any]:
    """Results are passed on; the folders are the user's own affair."""
    settings = dataclasses.asdict(config)
    del settings["data_dir"]
    return {**settings, "dataset": Path(config.dataset).name}
