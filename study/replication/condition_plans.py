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
    COMBINED_RAW,
    CONTROLLED,
    DIP_ALONE,
    DIP_LR_SERIES,
    DIP_LR_STD,
    DIP_STEPS_PARTS,
    FEW_STEPS,
    FINE_STD,
    MIXED,
    NOISE_RESTORED,
    NOISED,
    NOISY_ALONE,
    NOISY_COMBINED,
    ORIGINAL_DDPM_LRS,
    OWN_LEVEL,
    RIVALS,
    START_PART,
    STD_SERIES,
    WITHOUT_DIP,
    as_reported_name,
    dip_lr_name,
    dip_steps_name,
    setting_name,
    std_name,
)
from study.replication.suspects import WITHOUT_PRIOR

ORIGINAL_BATCH_SIZE = 128
EVALUATIONS = 5
"""Evaluations, about, of each run of which a curve over the epochs is asked."""

START_WEIGHT = 0.5
"""The weight of a prior image in a mixed x_T."""

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
    it; images clipped at each step are extra scores of that setting and of DDPM alone. A third
    leaves DIP out and changes nothing else: whether the squares without a digit, which that
    setting draws, are the prior's, or those of a DDPM that has learnt too little.
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
        also = None
        if place == 0:
            config = dataclasses.replace(config, eval_every=_evaluated(run))
            also = extra_scores.restoration_as_they_are
        plans.append(_reported(setting_name(dip_lr, ddpm_lr, std), config, published, also))
    first, (setting, _) = plans[2].config, PUBLISHED_COMBINED[0]
    scaled = dataclasses.replace(first, value_range="symmetric")
    clipped = dataclasses.replace(first, prior_output="clip")
    without = dataclasses.replace(first, prior="none")
    return [
        *plans,
        _reported(f"{setting_name(*setting)}, scaled to [-1, 1]", scaled),
        _reported(f"{setting_name(*setting)}, clipped", clipped),
        _reported(f"{setting_name(*setting)}, {WITHOUT_DIP}", without),
    ]


def _evaluated(run: RunConfig) -> int:
    """Return the epochs between the evaluations of a run of which a curve is asked."""
    return max(1, run.epochs // EVALUATIONS)


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
        eval_every=_evaluated(run),
    )

    def plan(name: str, scores: Callable[..., None] | None = None, **changes: Any) -> ConditionPlan:
        config = dataclasses.replace(base, **changes)
        return ConditionPlan(name, CONTROLLED, config, extra_scores=scores)

    def combined(name: str, **changes: Any) -> ConditionPlan:
        return plan(name, prior="restorer", **changes)

    def of_prior_set(name: str, **changes: Any) -> ConditionPlan:
        return plan(name, extra_scores.prior_set, prior="restorer", **changes)

    noisy: dict[str, Any] = {"regime": "noisy", "std": NOISY_STD}
    plans = []
    for suspects, name in WITHOUT_PRIOR.items():
        changes: dict[str, Any] = {}
        for suspect in suspects:
            changes |= SUSPECT_CHANGES[suspect]
        plans.append(plan(name, extra_scores.from_noise if name == ALONE else None, **changes))
    plans += [
        plan(COMBINED, extra_scores.everything, prior="restorer"),
        combined(COMBINED_LR, ddpm_lr=HALF_DDPM_LR),
        of_prior_set(COMBINED_RAW, prior_output="raw"),
    ]
    plans += [of_prior_set(std_name(std), std=std) for std in (FINE_STD, *STD_SERIES) if std != 1.0]
    plans += [
        of_prior_set(dip_steps_name(part), dip_steps=max(1, run.dip_steps // part))
        for part in DIP_STEPS_PARTS
        if part != 1
    ]
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
    return plans + [combined(name, **changes) for name, changes in variants(base).items()]


def variants(base: RunConfig) -> dict[str, dict[str, Any]]:
    """Return what variants change of DIP→DDPM, by name; each draws by as many steps.

    To start from a noised image at t₀ is SDEdit (Meng et al. 2022), the reference of the others.
    """
    start = base.timesteps // START_PART
    # the sampler counts its steps over the whole way
    noised = {"start_step": start, "sampler_steps": FEW_STEPS * START_PART}
    return {
        NOISED: noised,
        MIXED: {"start_weight": START_WEIGHT, "sampler_steps": FEW_STEPS},
        NOISE_RESTORED: {**noised, "start_images": "noise"},
        OWN_LEVEL: {**noised, "dip_step": start},
    }


def plans_of(run: RunConfig) -> dict[str, ConditionPlan]:
    """Return how all conditions are run, by name."""
    return {plan.name: plan for plan in as_reported(run) + controlled(run)}
