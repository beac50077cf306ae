"""How long a trial will take, by a few timed steps of each of its stages or by the first trials."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dipddpm.config import RunConfig
from dipddpm.features import Features
from dipddpm.pipeline import Run, dataset_of
from dipddpm.priors import PRIORS
from dipddpm.timing import now
from dipddpm.training import steps_per_epoch
from study.problem.definition import device, threads
from study.problem.settings import StudySettings

MOST_TIMED = 3
"""The most first trials that are waited for to know what one costs."""


@dataclass(frozen=True)
class Cost:
    """The expected seconds of a trial's parts."""

    prior_s: float
    """The prior, before the first epoch."""
    epoch_s: float
    evaluation_s: float
    start_s: float = 0.0
    """The start of its process, and the rest that belongs to no stage; unknown before the first
    trial."""

    def trial_s(self, epochs: float, evaluations: float) -> float:
        """Return the seconds of a trial of so many epochs and evaluations."""
        stages_s = self.prior_s + epochs * self.epoch_s + evaluations * self.evaluation_s
        return self.start_s + stages_s

    def without_prior(self) -> "Cost":
        """Return what a trial costs that has no prior."""
        return dataclasses.replace(self, prior_s=0.0)


def estimate_cost(
    settings: StudySettings, features: Features, config: RunConfig | None = None
) -> Cost:
    """Time a few steps of each stage of a run on this machine and return what a run costs.

    They run with a trial's number of threads but alone; trials side by side share caches and
    memory, and take longer.

    Args:
        features: what its scores rest on.
        config: the run; by default the one that all trials start from.
    """
    config, threads_before = config or settings.run, torch.get_num_threads()
    dataset = dataset_of(config)
    enough = max(config.dip_batch_size, 15 * config.batch_size)  # 15 steps, 10 of them warm-up
    sample = dataclasses.replace(
        config,
        train_size=min(enough, len(dataset.train)),
        dip_steps=min(5, config.dip_steps),
        epochs=1,
        eval_every=1,
        sampler_steps=min(10, config.sampler_steps),
    )
    where, ticks = torch.device(device(settings)), list[float]()

    def watch(stage: str, done: int, total: int) -> None:
        if stage == "dip":
            ticks.append(now(where))

    torch.set_num_threads(threads(settings))
    record = next(iter(Run(sample, device(settings), watch, features).records()))
    torch.set_num_threads(threads_before)

    assert sample.train_size is not None
    prior = PRIORS[config.prior]
    few = prior.num_images(sample, sample.train_size)
    many = prior.num_images(config, len(dataset.train))
    step_s = record.time_per_iteration_s / steps_per_epoch(config, few)
    dip_s = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else record.dip_time_s
    applied_s = max(0.0, record.dip_time_s - dip_s * len(ticks))  # to the training images
    dip_steps = config.dip_steps if "dip_steps" in prior.parameters else len(ticks)
    fitted_s = dip_s * dip_steps * (1 if prior.amortised else many / few)
    return Cost(
        prior_s=fitted_s + applied_s * many / few,
        epoch_s=step_s * steps_per_epoch(config, many),
        evaluation_s=record.sample_time_s / sample.sampler_steps * config.sampler_steps
        + record.score_time_s,
    )


def trials_timed(settings: StudySettings) -> int:
    """Return how many first trials say what one costs, where nothing could be timed before."""
    return min(MOST_TIMED, settings.plan.slots)


def cost_of_first(settings: StudySettings, rows: Iterable[Mapping[str, Any]]) -> Cost | None:
    """Return what a run costs by the first trials with an evaluation; None before there are enough.

    Of each part it is the median, since a node may have been slow to start.

    Args:
        rows: those of all trials. Trials that had to begin again say little, and do not count.
    """
    timed = [row for row in rows if row["epoch"] and not row["restarts"]]
    if len(timed) < trials_timed(settings):
        return None
    parts = []
    for row in timed[:MOST_TIMED]:
        evaluation_s = row["sample_time_s"] + row["score_time_s"]
        evaluations_s = evaluation_s * settings.evaluations(row["epoch"])
        stages_s = row["dip_time_s"] + row["train_time_s"] + evaluations_s
        start_s = max(0.0, row["held_s"] - stages_s)
        parts.append((row["dip_time_s"], row["time_per_iteration_s"], evaluation_s, start_s))
    return Cost(*map(statistics.median, zip(*parts, strict=True)))
