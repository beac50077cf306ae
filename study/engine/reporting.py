"""What a trial reports: its metrics, its resource, a checkpoint and the pictures inside it.

Metrics travel in a dictionary of their own, since Ray fills in some at the top level, among them
``time_total_s``, and overwrites metrics of the same name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray import tune

from study.engine.checkpoints import PICTURES, seal
from study.engine.device_memory import peak_gb

Evaluation = tuple[int, Mapping[str, Any]]
"""What a trial had spent of the problem's resource, and its metrics then."""

METRICS = "metrics"
PLACE = "place"


def reported(metric: str) -> str:
    """Return a metric's name in Ray's flattened results."""
    return f"{METRICS}/{metric}"


def report(metrics: Mapping[str, Any], resource: Mapping[str, int], checkpoint: Path) -> None:
    """Hand an evaluation to Ray Tune.

    Args:
        metrics: the values of the problem's metrics, by name.
        resource: the problem's resource and how much of it the trial has spent.
        checkpoint: a folder from which the trial can go on, pictures at their :func:`picture_path`.
    """
    seal(checkpoint)
    tune.report(
        {METRICS: dict(metrics), PLACE: _place(), **resource},
        checkpoint=tune.Checkpoint.from_directory(checkpoint),
    )


def _place() -> dict[str, Any]:
    """Return the trial's node, its GPUs or its share of one, and its most device memory [GB]."""
    place: dict[str, Any] = {
        "node": ray.get_runtime_context().get_node_id(),
        "gpus": " ".join(map(str, ray.get_gpu_ids())),
        "gpu_share": ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0),
    }
    if (peak := peak_gb()) is not None:
        place["device_memory_gb"] = peak
    return place


def picture_path(checkpoint: Path, stage: str) -> Path:
    """Return where in its checkpoint a trial puts the picture of a stage; make the folder."""
    (checkpoint / PICTURES).mkdir(exist_ok=True)
    return checkpoint / PICTURES / f"{stage}.png"
