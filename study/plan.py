"""How much is run and how: what the engine needs to know besides the subject."""

from dataclasses import dataclass

from dipddpm.errors import ConfigError
from study.results import NAME_RULE, valid_name

FIXED_DESIGN = "fixed"
"""The sampler that runs a description's start points and searches nothing."""


@dataclass(frozen=True)
class Plan:
    """Bad values raise :class:`ConfigError`."""

    name: str
    num_samples: int
    """Trials in all."""
    sampler: str
    scheduler: str
    grace_period: int
    """What a trial may spend before it can be stopped, in the subject's resource."""
    reduction_factor: float
    cpus_per_trial: float
    gpus_per_trial: float
    slots: int
    """Trials at once."""
    seed: int
    time_budget_s: float | None = None
    """Seconds after which the search is ended, to be resumed."""

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
                raise ConfigError(name, getattr(self, name), expected)


def count_slots(
    cpus: int, gpus: int, cpus_per_trial: float, gpus_per_trial: float, most: int | None
) -> int:
    """How many trials fit on a machine at once, at most ``most`` (``--max-concurrent``).

    Raises:
        ConfigError: not even one fits.
    """
    if cpus_per_trial > cpus:
        raise ConfigError("cpus_per_trial", cpus_per_trial, f"at most {cpus}, this machine's cores")
    if gpus_per_trial > gpus:
        raise ConfigError("gpus_per_trial", gpus_per_trial, f"at most {gpus}, this machine's GPUs")
    if most is not None and most < 1:
        raise ConfigError("max_concurrent", most, "at least 1")
    fit = int(cpus / cpus_per_trial)
    if gpus_per_trial > 0:
        fit = min(fit, int(gpus / gpus_per_trial))
    return fit if most is None else min(fit, most)
