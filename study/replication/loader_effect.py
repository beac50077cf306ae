"""How much of an epoch the input pipeline takes: the difference, and its parts."""

import statistics
from dataclasses import dataclass

from study.analysis.intervals import mean_of
from study.replication.condition_names import IN_MEMORY, INDEXED, LOADERS, PER_IMAGE
from study.replication.evidence import Evidence


@dataclass(frozen=True)
class LoaderEffect:
    """What a batch costs, measured interleaved in one process.

    Attributes:
        network, per_image, in_memory, indexed: median seconds of the network and of each loader,
            alone: torchvision's MNIST, a DataLoader over a TensorDataset, this library's own.
        whole_per_image, whole_in_memory: median seconds of the loop of network and loader.
        difference: seconds between the two loops, round by round: mean and its 95 % t-interval.
    """

    network: float
    per_image: float
    in_memory: float
    indexed: float
    whole_per_image: float
    whole_in_memory: float
    difference: tuple[float, float, float]


def loader_effect(evidence: Evidence) -> LoaderEffect | None:
    """Return what the loader takes of an epoch; None where not all loaders were measured.

    Replications that version 0.2 or an earlier one began lack the TensorDataset.
    """
    rounds = evidence.seconds(LOADERS)
    wholes = [f"network and {loader} loader" for loader in (PER_IMAGE, IN_MEMORY)]
    if not {"network", *wholes} <= set(rounds):
        return None
    seconds = {name: statistics.median(values) for name, values in rounds.items()}
    pairs = zip(*(rounds[name] for name in wholes), strict=True)
    difference = mean_of([a - b for a, b in pairs])
    return LoaderEffect(
        network=seconds["network"],
        per_image=seconds[f"{PER_IMAGE} loader"],
        in_memory=seconds[f"{IN_MEMORY} loader"],
        indexed=seconds[f"{INDEXED} loader"],
        whole_per_image=seconds[wholes[0]],
        whole_in_memory=seconds[wholes[1]],
        difference=(difference.value, *difference.interval()),
    )
