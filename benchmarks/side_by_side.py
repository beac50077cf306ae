"""Timing things against each other: in turns, in one process, as ratios."""

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

DATA = Path(__file__).parent / "data"
TABLES = Path(__file__).parents[1] / "docs" / "tables.py"


def compare(seconds: Mapping[str, list[float]], baseline: str) -> dict[str, dict[str, Any]]:
    """Return by name: n, median and range of the seconds, and the speed relative to the baseline.

    The ratio is the median of the ratios within a turn; its range stands beside it.
    """
    rows = {}
    for name, values in seconds.items():
        ratios = [b / s for b, s in zip(seconds[baseline], values, strict=True)]
        rows[name] = {
            "n": len(values),
            "seconds": statistics.median(values),
            "seconds_range": [min(values), max(values)],
            "speedup": statistics.median(ratios),
            "speedup_range": [min(ratios), max(ratios)],
        }
    return rows


def machine(device: torch.device) -> dict[str, Any]:
    """Return the hardware and the torch version that the figures were taken on."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"cpu": cpu, "threads": torch.get_num_threads(), "gpu": gpu, "torch": torch.__version__}


def write(name: str, result: Any) -> None:
    """Write ``benchmarks/data/NAME.json``, and the tables of the documentation that rest on it."""
    file = DATA / f"{name}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {file}")
    subprocess.run([sys.executable, TABLES], check=True)
