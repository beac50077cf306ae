"""What the original's claims are judged by, from a results folder; needs neither Ray nor torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.analysis.comparison import arms
from study.results.folder import EXTRA_SCORES_FILE, SAMPLES_FOLDER, TIMING_FILE, read_rows
from study.results.records import StudyRecord, load_study


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by."""

    study: StudyRecord
    timing: list[dict[str, Any]]
    """Lines of ``timing.csv``."""
    looks: dict[tuple[str, int], list[dict[str, Any]]]
    """Lines of ``extra_scores.csv`` by row and seed; of completed trials."""

    def seeds(self, *rows: str) -> list[int]:
        """Those that all the rows have completed."""
        by_name = arms(self.study)
        found = [set(by_name[row].trials) for row in rows if row in by_name]
        return sorted(set.intersection(*found)) if len(found) == len(rows) else []

    def values(self, row: str, metric: str, seeds: Sequence[int]) -> list[float]:
        return arms(self.study)[row].values(metric, seeds) if seeds else []

    def look(self, row: str, images: str, column: str, steps: int | None = None) -> list[float]:
        """A column of the rows' looks, by seed."""
        return [
            float(line[column])
            for (name, _), lines in sorted(self.looks.items())
            for line in lines
            if name == row and line["images"] == images and line.get("steps") == steps
        ]

    def seconds(self, group: str) -> dict[str, list[float]]:
        """Of a step, by item, in the order of the rounds."""
        found: dict[str, list[float]] = {}
        for line in self.timing:
            if line["group"] == group:
                found.setdefault(line["item"], []).append(float(line["seconds"]))
        return found


def load_evidence(folder: Path) -> Evidence:
    """What a study has left so far."""
    study = load_study(folder)
    timing = folder / TIMING_FILE
    looks = {}
    for name, arm in arms(study).items():
        for seed, trial in arm.trials.items():
            file = folder / SAMPLES_FOLDER / trial.trial_id / EXTRA_SCORES_FILE
            if file.exists():
                looks[name, seed] = read_rows(file)
    return Evidence(study, read_rows(timing) if timing.exists() else [], looks)
