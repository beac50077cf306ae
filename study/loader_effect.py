"""How much of an epoch the input pipeline takes: the report's difference, measured by its parts."""

import statistics
from dataclasses import dataclass

from study.evidence import Evidence
from study.rows import LOADERS, REPORT_STEPS, REPORTED_ALONE, REPORTED_COMBINED


@dataclass(frozen=True)
class LoaderEffect:
    """Median seconds of a batch, each part alone and the whole loop; from one process, in turns."""

    network: float
    per_image: float
    tensor: float
    whole_per_image: float
    whole_tensor: float

    def words(self) -> str:
        """Against the report's difference between its two loops."""
        reported = REPORTED_ALONE.per_iteration_s, REPORTED_COMBINED[0][1].per_iteration_s
        alone, combined = (seconds or 0.0 for seconds in reported)
        sums = [(self.network + loader) * REPORT_STEPS for loader in (self.per_image, self.tensor)]
        return (
            f"A batch costs {self.per_image * 1e3:.2f} ms by the per-image loader and "
            f"{self.tensor * 1e3:.2f} ms by the tensor; the network alone {self.network * 1e3:.1f} "
            f"ms. Sums over {REPORT_STEPS} batches: {sums[0]:.2f} and {sums[1]:.2f} s here "
            f"(the whole loops measured: {self.whole_per_image * REPORT_STEPS:.2f} and "
            f"{self.whole_tensor * REPORT_STEPS:.2f} s), a difference of "
            f"{sums[0] - sums[1]:.2f} s. The report, on its GPU: {alone:.2f} and {combined:.2f} s, "
            f"a difference of {alone - combined:.2f} s, and calls it the prior's."
        )


def loader_effect(evidence: Evidence) -> LoaderEffect | None:
    seconds = {k: statistics.median(v) for k, v in evidence.seconds(LOADERS).items()}
    if not seconds:
        return None
    return LoaderEffect(
        network=seconds["network"],
        per_image=seconds["per-image loader"],
        tensor=seconds["tensor loader"],
        whole_per_image=seconds["network and per-image loader"],
        whole_tensor=seconds["network and tensor loader"],
    )
