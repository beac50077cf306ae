"""How much is run and how: what the engine needs to know besides the subject."""

from dataclasses import dataclass

from dipddpm.errors import ConfigError
from study.results import NAME_RULE, valid_name


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


@dataclass(frozen=True)
class NodeType:
    """Machines of one kind."""

    name: str
    cpus: float
    gpus: float
    count: int = 1
    """How many there can be, whether or not they are up."""
    is_head: bool = False
    """It is there whatever else is."""

    def fit(self, cpus_per_trial: float, gpus_per_trial: float) -> int:
        """Trials at once on one of them."""
        fit = int(self.cpus / cpus_per_trial)
        if gpus_per_trial > 0:  # a share lies on one GPU
            each = int(1 / gpus_per_trial) if gpus_per_trial < 1 else 1 / gpus_per_trial
            fit = min(fit, int(self.gpus * each))
        return fit


@dataclass(frozen=True)
class Capacity:
    """What trials can be placed on: this machine, or what a cluster can grow to."""

    node_types: tuple[NodeType, ...]
    most_nodes: int
    """Of all types together, beside a head."""

    @property
    def gpus(self) -> float:
        """Of the node type that has most."""
        return max(node.gpus for node in self.node_types)

    def slots(self, cpus_per_trial: float, gpus_per_trial: float, most: int | None) -> int:
        """How many trials fit at once, at most ``most`` (``--max-concurrent``).

        Raises:
            ConfigError: not even one fits.
        """
        for name, asked, unit in (
            ("cpus_per_trial", cpus_per_trial, "cores"),
            ("gpus_per_trial", gpus_per_trial, "GPUs"),
        ):
            largest = max(self.node_types, key=lambda n: n.cpus if unit == "cores" else n.gpus)
            has = largest.cpus if unit == "cores" else largest.gpus
            if asked > has:
                raise ConfigError(name, asked, f"at most {has:g}, the {unit} of {largest.name}")
        if most is not None and most < 1:
            raise ConfigError("max_concurrent", most, "at least 1")
        fits = [
            node.fit(cpus_per_trial, gpus_per_trial)
            for node in self.node_types
            if not node.is_head
            for _ in range(min(node.count, self.most_nodes))
        ]
        fit = sum(sorted(fits, reverse=True)[: self.most_nodes])
        fit += sum(n.fit(cpus_per_trial, gpus_per_trial) for n in self.node_types if n.is_head)
        if not fit:
            cores = f"a share that comes with {cpus_per_trial:g} cores on one node"
            raise ConfigError("gpus_per_trial", gpus_per_trial, cores)
        return fit if most is None else min(fit, most)
