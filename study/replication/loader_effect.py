"""How much of an epoch the input pipeline takes: the difference, measured by its parts."""

import statistics
from dataclasses import dataclass

from scipy import stats

from study.analysis.comparison import CONFIDENCE, moments
from study.problem.published import ORIGINAL_STEPS_PER_EPOCH, PUBLISHED_ALONE, PUBLISHED_COMBINED
from study.replication.conditions import LOADERS
from study.replication.evidence import Evidence


@dataclass(frozen=True)
class LoaderEffect:
    """Median seconds of a batch, each part alone and the whole loop; from one process, in turns."""

    network: float
    per_image: float
    tensor: float
    whole_per_image: float
    whole_tensor: float
    difference: tuple[float, float, float]
    """Of the whole loops, round by round: mean and its 95 % t-interval."""

    def words(self) -> str:
        """Against the original's difference between its two loops."""
        reported = PUBLISHED_ALONE.per_iteration_s, PUBLISHED_COMBINED[0][1].per_iteration_s
        alone, combined = (seconds or 0.0 for seconds in reported)
        sums = [
            (self.network + loader) * ORIGINAL_STEPS_PER_EPOCH
            for loader in (self.per_image, self.tensor)
        ]
        whole, low, high = (seconds * ORIGINAL_STEPS_PER_EPOCH for seconds in self.difference)
        return (
            f"A batch costs {self.per_image * 1e3:.2f} ms by the per-image loader and "
            f"{self.tensor * 1e3:.2f} ms by the tensor; the network alone {self.network * 1e3:.1f} "
            f"ms. Sums over {ORIGINAL_STEPS_PER_EPOCH} batches: {sums[0]:.2f} and {sums[1]:.2f} s "
            f"here, a difference of {sums[0] - sums[1]:.2f} s; the whole loops, measured in turns, "
            f"differ by {whole:.2f} s [{low:.2f}, {high:.2f}]. "
            f"The original report, on its GPU: {alone:.2f} and {combined:.2f} s, "
            f"a difference of {alone - combined:.2f} s, and calls it the prior's."
        )


def loader_effect(evidence: Evidence) -> LoaderEffect | None:
    rounds = evidence.seconds(LOADERS)
    if not rounds:
        return None
    seconds = {name: statistics.median(values) for name, values in rounds.items()}
    wholes = (rounds[f"network and {loader} loader"] for loader in ("per-image", "tensor"))
    mean, error, freedom = moments([a - b for a, b in zip(*wholes, strict=True)])
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * error
    return LoaderEffect(
        network=seconds["network"],
        per_image=seconds["per-image loader"],
        tensor=seconds["tensor loader"],
        whole_per_image=seconds["network and per-image loader"],
        whole_tensor=seconds["network and tensor loader"],
        difference=(mean, mean - half, mean + half),
    )
