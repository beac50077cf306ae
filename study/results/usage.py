"""What a study uses: hours of GPUs, or of cores where its trials have no GPU.

They count while a trial holds its share, whether or not it keeps it busy; a machine that idles
beside the trials counts nothing.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from study.results.folder import PARTS, STUDY_FILE, TRIALS_FILE, read_info, read_rows

COST = "cost"
"""The entry of ``study.json`` that holds what the study was expected to use, and has used."""


def unit_of(gpus_per_trial: float) -> str:
    """Return what hours are counted."""
    return "GPU hours" if gpus_per_trial else "core hours"


def hours(trials_s: float, cpus_per_trial: float, gpus_per_trial: float) -> float:
    """Return the hours of GPUs, or of cores, that trials hold in so many seconds of theirs."""
    return trials_s * (gpus_per_trial or cpus_per_trial) / 3600


def amount(hours: float, gpus_per_trial: float, price_per_hour: float | None) -> str:
    """Return hours in words, with their price if they have one: ``2 GPU hours (price 5.00)``."""
    figure = f"{hours:.2g}" if hours < 99.5 else f"{hours:.0f}"
    text = f"{figure} {unit_of(gpus_per_trial)}"
    return text if price_per_hour is None else f"{text} (price {hours * price_per_hour:.2f})"


def held_s(rows: Iterable[Mapping[str, Any]]) -> float:
    """Return the seconds that trials have held what they run on, by their rows.

    A study that an earlier version began has no such column; its trials count from begin to end.
    """
    return sum(
        row.get("held_s", row.get("ended_s", row["started_s"]) - row["started_s"]) for row in rows
    )


def hours_used(folder: Path) -> float:
    """Return the hours that a study or a part of one has used, by its files; 0 without any."""
    if not (folder / STUDY_FILE).exists() or not (folder / TRIALS_FILE).exists():
        return 0.0
    plan = read_info(folder).get("settings", {}).get("plan", {})
    seconds = held_s(read_rows(folder / TRIALS_FILE))
    return hours(seconds, plan.get("cpus_per_trial", 1.0), plan.get("gpus_per_trial", 0.0))


def hours_of_study(folder: Path) -> float:
    """Return the hours that a study and all its parts have used."""
    return sum(hours_used(part) for part in (folder, *(folder / name for name in PARTS)))
