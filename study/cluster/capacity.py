"""How many trials a machine or a cluster can run at once."""

from dataclasses import dataclass

from study.results import provenance
from study.spec.errors import SettingError


@dataclass(frozen=True)
class NodeType:
    """Machines of one kind."""

    name: str
    cpus: float
    gpus: float
    count: int = 1
    """The largest number of them, whether or not they are up."""
    is_head: bool = False
    """Whether it is the head, which is up whenever the cluster is."""

    def fit(self, cpus_per_trial: float, gpus_per_trial: float) -> int:
        """Return how many trials one of them can run at once."""
        fit = int(self.cpus / cpus_per_trial)
        if gpus_per_trial > 0:  # a share lies on one GPU
            each = int(1 / gpus_per_trial) if gpus_per_trial < 1 else 1 / gpus_per_trial
            fit = min(fit, int(self.gpus * each))
        return fit


@dataclass(frozen=True)
class Capacity:
    """The machines that trials can run on: this one, or those that a cluster can grow to."""

    node_types: tuple[NodeType, ...]
    most_nodes: int
    """The largest number of nodes of all types together, besides the head."""

    @property
    def gpus(self) -> float:
        """Return the GPUs of the node type that has most."""
        return max(node.gpus for node in self.node_types)

    def slots(self, cpus_per_trial: float, gpus_per_trial: float, most: int | None) -> int:
        """Return how many trials fit at once, at most ``most`` (``--max-concurrent``).

        Raises:
            SettingError: not one trial fits.
        """
        for name, asked, unit in (
            ("cpus_per_trial", cpus_per_trial, "cores"),
            ("gpus_per_trial", gpus_per_trial, "GPUs"),
        ):
            largest = max(self.node_types, key=lambda n: n.cpus if unit == "cores" else n.gpus)
            has = largest.cpus if unit == "cores" else largest.gpus
            if asked > has:
                raise SettingError(name, asked, f"at most {has:g}, the {unit} of {largest.name}")
        if most is not None and most < 1:
            raise SettingError("max_concurrent", most, "at least 1")
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
            raise SettingError("gpus_per_trial", gpus_per_trial, cores)
        return fit if most is None else min(fit, most)


def this_machine() -> Capacity:
    """Return the capacity of this machine."""
    node = NodeType("this machine", provenance.cores(), len(provenance.gpus()))
    return Capacity((node,), most_nodes=1)
