"""How much of an epoch the input pipeline takes: the difference, and its parts."""

import statistics
from dataclasses import dataclass

from study.analysis.intervals import mean_of
from study.replication.condition_names import LOADERS
from study.replication.evidence import Evidence


@dataclass(frozen=True)
class LoaderEffect:
    """What a batch costs, measured interleaved in one process.

    Attributes:
        network, per_image, tensor: median seconds of the network and of each loader, alone.
        whole_per_image, whole_tensor: median seconds of the loop of network and loader.
        difference: seconds between the two loops, round by round: mean and its 95 % t-interval.
    """

    network: float
    per_image: float
    tensor: float
    whole_per_image: float
    whole_tensor: float
    difference: tuple[float, float, float]


def loader_effect(evidence: Evidence) -> LoaderEffect | None:
    """Return what the loader takes of an epoch; None where it was not measured."""
    rounds = evidence.seconds(LOADERS)
    if not rounds:
        return None
    seconds = {name: statistics.median(values) for name, values in rounds.items()}
    wholes = (rounds[f"network and {loader} loader"] for loader in ("per-image", "tensor"))
    difference = mean_of([a - b for a, b in zip(*wholes, strict=True)])
    return LoaderEffect(
        network=seconds["network"],
        per_image=seconds["per-image loader"],
        tensor=seconds["tensor loader"],
        whole_per_image=seconds["network and per-image loader"],
        whole_tensor=seconds["network and tensor loader"],
        difference=(difference.value, *difference.interval()),
    )
