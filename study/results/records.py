"""Results on disk → typed records. Needs neither Ray nor torch, so it serves in a notebook too."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from study.results import folder as files
from study.spec.pareto import noise_floor, pareto_front, ranking
from study.spec.problem import FIXED_DESIGN, Problem, Value

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
    node: str = ""
    """Where the trial was."""
    gpus: str = ""
    """Of that node, by number."""


@dataclass(frozen=True)
class TrialRecord:
    """One row of ``trials.csv``, with its history and its pictures."""

    number: int
    """In the order in which trials began, from 0."""
    trial_id: str
    status: Status
    stop_reason: str
    resource: int
    parameters: dict[str, Value]
    metrics: dict[str, Any]
    """The last value of each; those never reported are missing."""
    curve: tuple[Evaluation, ...]
    pictures: dict[str, Path]
    """By stage, for those that exist."""
    started_s: float
    """Since the study began, as is its end."""
    ended_s: float | None
    """None while it runs."""
    restarts: int
    """How often it failed and was tried again, in this session and those before."""
    restart_reason: str
    """Of the last time."""
    node: str
    """That ran it last; empty until its first evaluation."""
    gpus: str
    """Of that node, by number."""
    device_memory_gb: float | None
    """The most that it used; None without a GPU."""


@dataclass(frozen=True)
class StudyRecord:
    """A study as it stands on disk."""

    name: str
    folder: Path
    problem: Problem
    info: dict[str, Any]
    """``study.json``: settings, versions, hardware, status."""
    trials: tuple[TrialRecord, ...]
    confirmation: "StudyRecord | None" = None
    """Finalists and baseline run again, if that has been done."""

    def with_status(self, status: Status) -> list[TrialRecord]:
        return [trial for trial in self.trials if trial.status == status]

    @property
    def searched(self) -> bool:
        """Not a fixed design, whose trials differ in what is asked of them: none is the best."""
        plan = self.info.get("settings", {}).get("plan", {})
        return bool(plan.get("sampler") != FIXED_DESIGN)

    @property
    def front(self) -> list[TrialRecord]:
        """Completed trials that none dominates, best in the first objective first; of a search.

        Trials that were stopped early have no say: their values belong to a smaller budget.
        Differences within the noise floor are none.
        """
        if not self.searched:
            return []
        names, complete = self.problem.objectives, self.with_status("completed")
        values = [[t.metrics[name] for name in names] for t in complete]
        tolerances = [self.noise_floor(name) for name in names]
        front = pareto_front(values, self.problem.directions, tolerances)
        return [complete[i] for i in front]

    def finalists(self, count: int) -> list[TrialRecord]:
        """The best trial, then others of the completed ones as their objectives rank them."""
        complete, names = self.with_status("completed"), self.problem.searched_objectives
        directions = [str(self.problem.metric(name).goal) for name in names]
        order = ranking([[t.metrics[name] for name in names] for t in complete], directions)
        best = self.best
        others = [complete[i] for i in order if complete[i] is not best]
        return [t for t in (best, *others) if t is not None][:count]

    def noise_floor(self, metric: str) -> float:
        """The relative difference up to which two values of ``metric`` count as equal.

        Measured from all trials where they repeat one measurement, else 0.
        """
        if not self.problem.metric(metric).noise_only:
            return 0.0
        return noise_floor([t.metrics[metric] for t in self.trials if metric in t.metrics])

    @property
    def best(self) -> TrialRecord | None:
        """The completed trial of a search that is best in the first objective."""
        name, direction = self.problem.objectives[0], self.problem.directions[0]
        complete = sorted(self.with_status("completed"), key=lambda t: t.metrics[name])
        if not (complete and self.searched):
            return None
        return complete[0] if direction == "min" else complete[-1]


def load_study(folder: Path) -> StudyRecord:
    """Read ``results/NAME``.

    Raises:
        FileNotFoundError: it is not a study's folder.
    """
    info = files.read_info(folder)
    problem = Problem.from_json(info["problem"])
    metrics, parameters = [metric.name for metric in problem.metrics], problem.parameters
    trials = files.read_rows(folder / files.TRIALS_FILE)
    history = files.read_rows(folder / files.HISTORY_FILE)

    curves: dict[str, list[Evaluation]] = {}
    for row in history:
        evaluation = Evaluation(
            int(row[problem.resource]),
            row["elapsed_s"],
            _present(row, metrics),
            row.get("node", ""),
            row.get("gpus", ""),
        )
        curves.setdefault(row["trial_id"], []).append(evaluation)

    records = []
    for number, row in enumerate(trials):
        pictures = {
            stage.name: folder / files.SAMPLES_FOLDER / row["trial_id"] / f"{stage.name}.png"
            for stage in problem.stages
        }
        records.append(
            TrialRecord(
                number=number,
                trial_id=row["trial_id"],
                status=row["status"],
                stop_reason=row.get("stop_reason", ""),
                resource=int(row[problem.resource]),
                parameters={p.name: row[p.name] for p in parameters},
                metrics=_present(row, metrics),
                curve=tuple(curves.get(row["trial_id"], [])),
                pictures={name: path for name, path in pictures.items() if path.exists()},
                started_s=row["started_s"],
                ended_s=row.get("ended_s"),
                restarts=int(row.get("restarts", 0)),
                restart_reason=row.get("restart_reason", ""),
                node=row.get("node", ""),
                gpus=row.get("gpus", ""),
                device_memory_gb=row.get("device_memory_gb"),
            )
        )
    part = folder / files.CONFIRM_FOLDER
    confirmation = load_study(part) if (part / files.STUDY_FILE).exists() else None
    return StudyRecord(info["name"], folder, problem, info, tuple(records), confirmation)


def _present(row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """The values that are there, and are no NaN."""
    present = {name: row[name] for name in names if name in row}
    return {
        name: value
        for name, value in present.items()
        if not (isinstance(value, float) and math.isnan(value))
    }
