"""Runs of a replication that learn nothing: their figures depend on seed and condition alone."""

import random
import tempfile
from pathlib import Path
from typing import Any

from study.engine.reporting import report
from study.problem.metrics import METRICS

EPOCHS = 1


def toy_run(parameters: dict[str, Any]) -> None:
    """Report metrics around 10, those of a condition and a seed always the same."""
    rng = random.Random(f"{parameters['condition']} {parameters['seed']}")
    metrics = {metric.name: 10 + rng.gauss(0, 2) for metric in METRICS}
    metrics |= {"precision": rng.random(), "scored_images": 100}
    with tempfile.TemporaryDirectory() as folder:
        report(metrics, {"epoch": EPOCHS}, Path(folder))
