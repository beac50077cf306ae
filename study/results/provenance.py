"""What a result was made with: versions, hardware, code. Host, user and paths are left out."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import torch

CODE = Path(__file__).parents[2]
"""The folder of both packages, ``dipddpm`` and ``study``."""

PACKAGES = ("dip-ddpm-study", "torch", "torchvision", "torchmetrics", "ray", "optuna", "plotly")


def everything() -> dict[str, Any]:
    """Return the versions, the hardware and the code version for ``study.json``."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "hardware": {
            "system": platform.system(),
            "cpu": cpu_model(),
            "cores": cores(),
            "memory_gb": round(memory / 1e9, 1),
            "gpus": gpus(),
        },
        "code": code_version(),
    }


def cores() -> int:
    """Return how many cores this process may use, by its affinity and its container's quota."""
    return int(joblib.cpu_count())


def gpus() -> list[str]:
    """Return the names of the GPUs that torch sees."""
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def cpu_model() -> str:
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def code_version() -> str | None:
    """Return the commit of the code, ``-dirty`` with changes; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
