"""What a trial reports: its metrics, its resource, a checkpoint and the pictures inside it.

Metrics travel under a name of their own, since Ray fills in some at the top level, among them
``time_total_s``, and overwrites what bears the same name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

METRICS = "metrics"
PLACE = "place"
PICTURES = "pictures"  # the folder of a checkpoint that is brought to the results


def reported(metric: str) -> str:
    """A metric's name in Ray's flattened results."""
    return f"{METRICS}/{metric}"


def report(metrics: Mapping[str, Any], resource: Mapping[str, int], checkpoint: Path) -> None:
    """Hand an evaluation to Ray Tune.

    Args:
        metrics: of the problem, by name.
        resource: the problem's resource and how much of it the trial has spent.
        checkpoint: a folder from which the trial can go on, with its :func:`picture_path` s.
    """
    tune.report(
        {METRICS: dict(metrics), PLACE: _place(), **resource},
        checkpoint=tune.Checkpoint.from_directory(checkpoint),
    )


def _place() -> dict[str, Any]:
    """The node and its GPUs that the trial has, and the most memory of them it has used."""
    place: dict[str, Any] = {
        "node": ray.get_runtime_context().get_node_id(),
        "gpus": " ".join(map(str, ray.get_gpu_ids())),
    }
    if torch.cuda.is_initialized():  # else it has used none
        place["device_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 3)
    return place


def picture_path(checkpoint: Path, stage: str) -> Path:
    """Where a trial puts the picture of a stage, inside its checkpoint."""
    (checkpoint / PICTURES).mkdir(exist_ok=True)
    return checkpoint / PICTURES / f"{stage}.png"
