"""What the engine needs to know besides the problem: how many trials, and how they run."""

from dataclasses import dataclass

from study.results.folder import NAME_RULE, valid_name
from study.spec.errors import SettingError


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
    reduction_factor: float = 3.0
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    slots: int = 1
    """The number of trials that run at once."""
    seed: int = 0
    time_budget_s: float | None = None
    """Seconds after which the search ends; it can be resumed."""

    def __post_init__(self) -> None:
        bounds = {
            "name": (valid_name(self.name), NAME_RULE),
            "num_samples": (self.num_samples >= 1, "at least 1"),
            "grace_period": (self.grace_period >= 1, "at least 1"),
            "reduction_factor": (self.reduction_factor > 1, "above 1"),
            "cpus_per_trial": (self.cpus_per_trial > 0, "above 0"),
            "gpus_per_trial": (
                0 <= self.gpus_per_trial <= 1 or self.gpus_per_trial % 1 == 0,
                "a share of one GPU, from 0 to 1, or a whole number of them",
            ),
            "time_budget_s": (
                self.time_budget_s is None or self.time_budget_s > 0,
                "a number of seconds above 0",
            ),
            "seed": (0 <= self.seed < 2**32, "0 to 4294967295"),
        }
        for name, (holds, expected) in bounds.items():
            if not holds:
                raise SettingError(name, getattr(self, name), expected)
