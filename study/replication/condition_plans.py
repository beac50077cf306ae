"""The conditions of the original report's experiments, as reported or controlled.

*As reported* follows the original report in all that its notebooks show; *controlled* changes one
thing at a time on common ground, or crosses what the original changed together. Each claim is
decided on controlled conditions alone.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dipddpm.config import RunConfig
from dipddpm.data import DATA_SOURCES
from study.problem.published import (
    NOT_PUBLISHED,
    PUBLISHED_ALONE,
    PUBLISHED_COMBINED,
    PUBLISHED_DIP,
    PublishedRun,
)
from study.problem.search_space import NOISY_STD
from study.replication import extra_scores
from study.replication.condition_names import (
    ALONE,
    AS_REPORTED,
    COMBINED,
    COMBINED_LR,
    CONTROLLED,
    DIP_ALONE,
    DIP_LR_SERIES,
    DIP_LR_STD,
    NOISY_ALONE,
    NOISY_COMBINED,
    ORIGINAL_DDPM_LRS,
    RIVALS,
    STD_SERIES,
    as_reported_name,
    dip_lr_name,
    setting_name,
    std_name,
)
from study.replication.suspects import WITHOUT_PRIOR

ORIGINAL_BATCH_SIZE = 128
DDPM_LR, HALF_DDPM_LR = ORIGINAL_DDPM_LRS  # the first is that of all but the crossed conditions

ORIGINAL_DIP_ALONE: dict[str, Any] = {"std": 2.0, "dip_lr": 5e-4}
"""The setting of the original's restored digits, which no combined run has."""

SUSPECT_CHANGES: dict[str, dict[str, Any]] = {
    "range": {"value_range": "unit"},
    "norm": {"denoiser": "unet-input-norm"},
    "lr": {"ddpm_lr": HALF_DDPM_LR},
}


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
        start_split="train",  # 60,000 images of mnist and 469 batches, as in the original
    )


def as_reported(run: RunConfig) -> list[ConditionPlan]:
    """Return the runs of the original report: 100 images drawn by all 1,000 ancestral steps.

    The notebooks of DIP alone and of DDPM alone are public, that of the combined runs is not. That
    its DDPM reads DIP's output in memory, in order, in [0, 1] and unclipped, and that DIP is
    applied to clean images, is inferred; so is that its images were shown as those of DDPM alone,
    each in its own range. Two more runs of its first setting scale that output to [-1, 1], or clip
    it; images clipped at each step are extra scores of that setting and of DDPM alone.
    """
    base = dataclasses.replace(original_recipe(run), sampler_steps=1000, scored_images=100)
    alone = dataclasses.replace(base, prior="none", ddpm_lr=DDPM_LR, loader="per-image")
    restored = dataclasses.replace(base, prior="restorer", prior_output="raw")
    # what is asked of it is its DIP stage; a DDPM on the fitted batch alone costs next to nothing
    dip = dataclasses.replace(
        restored, train_size=ORIGINAL_BATCH_SIZE, sampler_steps=1, **ORIGINAL_DIP_ALONE
    )
    plans = [
        _reported(DIP_ALONE, dip, PUBLISHED_DIP, extra_scores.dip_alone),
        _reported(ALONE, alone, PUBLISHED_ALONE, extra_scores.as_they_are),
    ]
    combined = dataclasses.replace(restored, value_range="unit", loader="tensor-dataset")
    for place, ((dip_lr, ddpm_lr, std), published) in enumerate(PUBLISHED_COMBINED):
        config = dataclasses.replace(combined, dip_lr=dip_lr, ddpm_lr=ddpm_lr, std=std)
        also = None if place else extra_scores.restoration_as_they_are
        plans.append(_reported(setting_name(dip_lr, ddpm_lr, std), config, published, also))
    first, (setting, _) = plans[2].config, PUBLISHED_COMBINED[0]
    scaled = dataclasses.replace(first, value_range="symmetric")
    clipped = dataclasses.replace(first, prior_output="clip")
    return [
        *plans,
        _reported(f"{setting_name(*setting)}, scaled to [-1, 1]", scaled),
        _reported(f"{setting_name(*setting)}, clipped", clipped),
    ]


def _reported(
    name: str,
    config: RunConfig,
    published: PublishedRun = NOT_PUBLISHED,
    scores: Callable[..., None] | None = None,
) -> ConditionPlan:
    return ConditionPlan(as_reported_name(name), AS_REPORTED, config, published, scores)


def controlled(run: RunConfig) -> list[ConditionPlan]:
    """Return conditions that differ from one another in one thing, scored on the test split.

    All have the original's diffusion, compact networks, and the same input pipeline. But for the
    crossed suspects they have one ddpm_lr.
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
    plans = []
    for suspects, name in WITHOUT_PRIOR.items():
        changes: dict[str, Any] = {}
        for suspect in suspects:
            changes |= SUSPECT_CHANGES[suspect]
        plans.append(plan(name, **changes))
    plans += [
        plan(COMBINED, extra_scores.everything, prior="restorer"),
        combined(COMBINED_LR, ddpm_lr=HALF_DDPM_LR),
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
