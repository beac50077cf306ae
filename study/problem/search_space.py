"""The table of what a search can vary: the one place to add a hyperparameter.

The space, the start points, the flags, the columns of the results and the command that reruns a
trial follow from the entries.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dipddpm.cli import flag
from dipddpm.config import RunConfig
from dipddpm.priors import PRIORS
from study.spec.problem import Parameter

Interval = tuple[float, float]
"""The lowest and the highest value, both included."""

ORIGINAL, EXTENDED, DRAWING = SPACES = ("original", "extended", "drawing")

NOISY_STD = 0.5
"""The noise of the noisy regime, where it is the problem that is given, not a choice."""


@dataclass(frozen=True)
class Searchable:
    """A field of :class:`RunConfig` that a search can vary.

    Attributes:
        name: the field.
        label: what the page calls it.
        interval: returns where it is searched, for the configuration that all trials start from.
        log: whether it is searched on a log scale.
        step: makes it a whole number, ``low`` plus a multiple of the step (1 where ``log``).
        spaces: the choices of ``--space`` that search it. Those of ``original`` are always
            searched, with a flag for the interval; of others a flag sets the value elsewhere.
        affects: the metrics whose measured work it changes.
        can_be_fixed: whether an interval of one value fixes it, so that it is not searched.
        least: what it cannot be below in any run; 0 itself is no value of those on a scale.
        most: returns what it cannot be above in runs of a configuration, if anything.
        if_none: returns the value that stands for None, for a configuration.
        needs_prior: whether it is searched only with a prior that restores.

    Raises:
        ValueError: there is no such field, or no such space.
    """

    name: str
    label: str
    interval: Callable[[RunConfig], Interval]
    log: bool = False
    step: int | None = None
    spaces: tuple[str, ...] = (EXTENDED,)
    affects: tuple[str, ...] = ()
    can_be_fixed: bool = False
    least: float = 0.0
    most: Callable[[RunConfig], float | None] = lambda run: None
    if_none: Callable[[RunConfig], float | None] = lambda run: None
    needs_prior: bool = False

    def __post_init__(self) -> None:
        if self.name not in {field.name for field in dataclasses.fields(RunConfig)}:
            raise ValueError(
                f"{self.name} cannot be searched: RunConfig has no field of this name; add the "
                "field to dipddpm/config.py first"
            )
        if unknown := [space for space in self.spaces if space not in SPACES]:
            raise ValueError(
                f"{self.name} is in space {unknown[0]}; expected {' or '.join(SPACES)}"
            )

    @property
    def is_always_searched(self) -> bool:
        """Whether all spaces have it."""
        return ORIGINAL in self.spaces

    def value(self, run: RunConfig) -> Any:
        """Return its value in a run that does not search it."""
        found = getattr(run, self.name)
        return self.if_none(run) if found is None else found

    def parameter(self, interval: Interval, run: RunConfig) -> Parameter:
        """Return it as a parameter of the problem, searched in the interval."""
        low, high = interval
        more = (
            f"{flag(self.name)} {{low}} {{high}} --resume {{study}} --num-samples {{num_samples}}"
        )
        return Parameter(
            self.name,
            self.label,
            low,
            high,
            log=self.log,
            step=self.step,
            affects=self.affects,
            least=self.least,
            most=self.most(run),
            widening=f"{more} searches beyond" if self.is_always_searched else "",
        )


def _learnt_from(run: RunConfig) -> int:
    """Return how many images the DDPM learns from, or 128 where there are more."""
    return PRIORS[run.prior].num_images(run, run.train_size or 128)


def _largest_batch(run: RunConfig) -> int | None:
    """Return the largest batch, in sixteens, that few images make; None where they are many."""
    images = _learnt_from(run)
    return images // 16 * 16 if images < 128 else None


_TABLE = (
    Searchable(
        "dip_lr",
        "DIP learning rate",
        lambda run: (2e-4, 2e-2),
        log=True,
        spaces=SPACES,
    ),
    Searchable("ddpm_lr", "DDPM learning rate", lambda run: (1e-4, 1e-2), log=True, spaces=SPACES),
    Searchable(
        "std",
        "noise std",
        lambda run: (NOISY_STD, NOISY_STD) if run.regime == "noisy" else (0.1, 1.5),
        spaces=SPACES,
        can_be_fixed=True,
    ),
    Searchable(
        "dip_steps",
        "DIP steps",
        lambda run: (max(1, run.dip_steps // 5), run.dip_steps * 3),
        log=True,
        step=1,
        least=1,
    ),
    Searchable(
        "batch_size",
        "DDPM batch size",
        lambda run: (16, min(128, _learnt_from(run) // 16 * 16)),
        step=16,
        least=16,
        most=_largest_batch,
        affects=("time_per_iteration_s",),
    ),
    Searchable(
        "width",
        "width of the denoiser",
        lambda run: (8, 2 * run.width),
        step=8,
        least=8,
        affects=("time_per_iteration_s", "sample_time_s"),
    ),
    Searchable(
        "sampler_steps",
        "sampler steps",
        lambda run: (min(5, run.timesteps), min(100, run.timesteps)),
        log=True,
        step=1,
        least=1,
        spaces=(EXTENDED, DRAWING),
        most=lambda run: run.timesteps,
        affects=("sample_time_s",),
    ),
    Searchable(
        "start_step",
        "first reverse step",
        lambda run: (max(1, run.timesteps // 10), run.timesteps),
        step=1,
        spaces=(DRAWING,),
        least=1,
        most=lambda run: run.timesteps,
        affects=("sample_time_s",),
        if_none=lambda run: run.timesteps,  # where next to nothing of a start image is left
        needs_prior=True,
    ),
)

SEARCHABLE = {searchable.name: searchable for searchable in _TABLE}
"""The table, by name."""


def searched(run: RunConfig, space: str) -> list[Searchable]:
    """Return what a search in that space varies, in the order of the table."""
    return [each for each in searchable(run) if space in each.spaces]


def searchable(run: RunConfig) -> list[Searchable]:
    """Return what changes runs of this kind, whichever space searches it.

    A parameter of priors matters only to those that name it.
    """
    prior = PRIORS[run.prior]
    of_priors = {name for each in PRIORS.values() for name in each.parameters}
    return [
        each
        for each in SEARCHABLE.values()
        if (each.name not in of_priors or each.name in prior.parameters)
        and (prior.restores or not each.needs_prior)
    ]
