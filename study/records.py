"""Results on disk → typed records. Needs neither Ray nor torch, so it serves in a notebook too."""

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from study import results
from study.description import Description
from study.pareto import noise_floor, pareto_front

Status = Literal["running", "completed", "stopped", "failed", "interrupted"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Evaluation:
    """One row of ``history.csv``."""

    resource: int
    """Of the trial, so far; epochs, say."""
    elapsed_s: float
    """Since the study began."""
    metrics: dict[str, Any]


@dataclass(frozen=True)
class TrialRecord:
    """One row of ``trials.csv``, with its history and its pictures."""

    number: int
    """In the order in which trials began, from 0."""
    trial_id: str
    status: Status
    stop_reason: str
    resource: int
    parameters: dict[str, float]
    metrics: dict[str, Any]
    """The last value of each; those never reported are missing."""
    curve: tuple[Evaluation, ...]
    pictures: dict[str, Path]
    """By stage, for those that exist."""


@dataclass(frozen=True)
class StudyRecord:
    """A study as it stands on disk."""

    name: str
    folder: Path
    description: Description
    info: dict[str, Any]
    """``study.json``: settings, versions, hardware, status."""
    trials: tuple[TrialRecord, ...]

    def with_status(self, status: Status) -> list[TrialRecord]:
        return [trial for trial in self.trials if trial.status == status]

    @property
    def front(self) -> list[TrialRecord]:
        """Completed trials that none dominates, best in the first objective first.

        Trials that were stopped early have no say: their values belong to a smaller budget.
        Differences within the noise floor are none.
        """
        names, complete = self.description.objectives, self.with_status("completed")
        values = [[t.metrics[name] for name in names] for t in complete]
        tolerances = [self.noise_floor(name) for name in names]
        front = pareto_front(values, self.description.directions, tolerances)
        return [complete[i] for i in front]

    def noise_floor(self, metric: str) -> float:
        """The relative difference up to which two values of ``metric`` count as equal.

        Measured from all trials where they repeat one measurement, else 0.
        """
        if not self.description.metric(metric).noise_only:
            return 0.0
        return noise_floor([t.metrics[metric] for t in self.trials if metric in t.metrics])

    @property
    def best(self) -> TrialRecord | None:
        """The completed trial that is best in the first objective."""
        name, direction = self.description.objectives[0], self.description.directions[0]
        complete = sorted(self.with_status("completed"), key=lambda t: t.metrics[name])
        if not complete:
            return None
        return complete[0] if direction == "min" else complete[-1]


def load_study(folder: Path) -> StudyRecord:
    """Read ``results/NAME``.

    Raises:
        FileNotFoundError: it is not a study's folder.
    """
    info = json.loads((folder / results.STUDY_FILE).read_text(encoding="utf-8"))
    description = Description.from_json(info["description"])
    metrics = [metric.name for metric in description.metrics]
    # trial ids are text, even those that look like numbers (12345678, 1234e567)
    text = {"trial_id": str, "status": str, "stop_reason": str}
    trials = pd.read_csv(folder / results.TRIALS_FILE, dtype=text)
    history = pd.read_csv(folder / results.HISTORY_FILE, dtype={"trial_id": str})

    curves: dict[str, list[Evaluation]] = {}
    for row in history.to_dict("records"):
        evaluation = Evaluation(
            int(row[description.resource]), row["elapsed_s"], _present(row, metrics)
        )
        curves.setdefault(row["trial_id"], []).append(evaluation)

    records = []
    for number, row in enumerate(trials.to_dict("records")):
        pictures = {
            stage.name: folder / results.SAMPLES_FOLDER / row["trial_id"] / f"{stage.name}.png"
            for stage in description.stages
        }
        records.append(
            TrialRecord(
                number=number,
                trial_id=row["trial_id"],
                status=row["status"],
                stop_reason="" if pd.isna(row["stop_reason"]) else row["stop_reason"],
                resource=int(row[description.resource]),
                parameters={p.name: row[p.name] for p in description.parameters},
                metrics=_present(row, metrics),
                curve=tuple(curves.get(row["trial_id"], [])),
                pictures={name: path for name, path in pictures.items() if path.exists()},
            )
        )
    return StudyRecord(info["name"], folder, description, info, tuple(records))


def _present(row: Mapping[Hashable, Any], names: list[str]) -> dict[str, Any]:
    """The values that are there: a CSV has no other sign for "none" than an empty cell."""
    return {
        name: row[name]
        for name in names
        if not (isinstance(row[name], float) and math.isnan(row[name]))
    }
