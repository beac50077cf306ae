"""What the engine needs to know besides the problem: how many trials, and how they run."""

import math
from dataclasses import dataclass

from study.results.folder import NAME_RULE, valid_name
from study.results.usage import hours
from study.spec.errors import SettingError

MOST_TRIALS = 100_000

LEAST_SHARE = 0.01
"""The smallest share of a core or a GPU: Ray rounds much smaller ones to none."""


@dataclass(frozen=True)
class Plan:
    """How many trials are run, how they are chosen, and what each of them gets.

    Raises:
        SettingError: a value is out of bounds.
    """

    name: str
    num_samples: int = 30
    """The number of trials, those of earlier sessions included."""
    sampler: str = "gp"
    scheduler: str = "asha"
    grace_period: int = 1
    """What a trial may spend before it can be stopped, in units of the problem's resource."""
    reduction_factor: float = 4.0
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    slots: int = 1
    """The number of trials that run at once."""
    seed: int = 0
    time_budget_s: float | None = None
    """Seconds after which the search ends; it can be resumed."""
    budget_hours: float | None = None
    """Hours of GPUs, of cores where trials have no GPU, after which the search ends; those of
    earlier sessions count."""

    def __post_init__(self) -> None:
        share = "a share of one GPU, 0 or 0.01 to 1, or a whole number of them"
        bounds = {
            "name": (valid_name(self.name), NAME_RULE),
            "num_samples": _from_1_to(MOST_TRIALS, self.num_samples),
            "grace_period": (self.grace_period >= 1, "at least 1"),
            "reduction_factor": (1.01 <= self.reduction_factor < math.inf, "above 1: 1.01 or more"),
            "cpus_per_trial": (
                self.cpus_per_trial >= LEAST_SHARE,
                f"above 0: {LEAST_SHARE} or more",
            ),
            "gpus_per_trial": (_is_share_or_whole(self.gpus_per_trial), share),
            "time_budget_s": (
                self.time_budget_s is None or 0 < self.time_budget_s < math.inf,
                "a number of seconds above 0",
            ),
            "budget_hours": (
                self.budget_hours is None or 0 < self.budget_hours < math.inf,
                "a number of hours above 0",
            ),
            "seed": (0 <= self.seed < 2**32, "0 to 4294967295"),
        }
        for name, (holds, expected) in bounds.items():
            if not holds:
                raise SettingError(name, getattr(self, name), expected)

    def hours(self, trials_s: float) -> float:
        """Return the hours of GPUs, or of cores, that trials hold in so many seconds of theirs."""
        return hours(trials_s, self.cpus_per_trial, self.gpus_per_trial)


def _from_1_to(most: int, value: int) -> tuple[bool, str]:
    """Return whether a count lies within its bounds, and the bound that it breaks or could."""
    return 1 <= value <= most, "at least 1" if value < 1 else f"at most {most}"


def _is_share_or_whole(gpus: float) -> bool:
    return gpus == 0 or LEAST_SHARE <= gpus <= 1 or (gpus > 1 and gpus % 1 == 0)
