"""Results on disk → typed records. Neither Ray nor torch is needed, so notebooks can use them."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.results import folder as files
from study.results.tables import check_confirmation, check_history, check_trials, read_problem
from study.results.usage import held_s
from study.spec.errors import DamagedFile
from study.spec.pareto import noise_floor, pareto_front, ranking
from study.spec.problem import FIXED_DESIGN, Problem, Stage, Value
from study.spec.status import ENDED, TrialStatus

Check = Callable[[Path, Sequence[Mapping[str, Any]], Problem], None]
"""What raises DamagedFile where the rows of a table are wrong."""


@dataclass(frozen=True)
class Evaluation:
    """One row of ``history.csv``."""

    resource: int
    """What the trial had spent by then, in epochs, say."""
    elapsed_s: float
    """Since the study began."""
    metrics: dict[str, Any]
    node: str = ""
    """The node that the trial ran on."""
    gpus: str = ""
    """The numbers of the GPUs that it had there."""
    held_s: float | None = None
    """Seconds for which the trial had held its share; None in studies of earlier versions."""


@dataclass(frozen=True)
class TrialRecord:
    """One row of ``trials.csv``, with its history and its pictures."""

    number: int
    """Its place in the order in which trials began, from 0."""
    trial_id: str
    status: TrialStatus
    stop_reason: str
    resource: int
    parameters: dict[str, Value]
    metrics: dict[str, Any]
    """The last value of each; those never reported are missing."""
    curve: tuple[Evaluation, ...]
    pictures: dict[str, Path]
    """The pictures that exist, by stage."""
    started_s: float
    """Seconds from the begin of the study to its own."""
    ended_s: float | None
    """Seconds from the begin of the study to its end; None while it runs."""
    restarts: int
    """How often it failed and was tried again, in all sessions."""
    restart_reason: str
    """Why it was tried again the last time."""
    node: str
    """The node that ran it last; empty until its first evaluation."""
    gpus: str
    """The numbers of the GPUs that it had there."""
    device_memory_gb: float | None
    """The most device memory that it used [GB]; None without a GPU."""
    held_s: float = 0.0
    """Seconds for which it has held its share of the machines, up to its last evaluation or end."""
    films: dict[str, Path] = dataclasses.field(default_factory=dict)
    """The animated pictures that exist, by name."""
    seed: int = 0
    replicate_of: int | None = None
    """The number of the first trial with the same parameters, if that had another seed."""

    @property
    def seconds(self) -> float | None:
        """Return how long the trial took, pauses apart; None unless it has ended."""
        return self.held_s if self.status in ENDED else None


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
    """The study of finalists and baseline run again, if that has been begun."""
    baseline: "StudyRecord | None" = None
    """The baseline's own search, if that has been begun."""

    def with_status(self, status: TrialStatus) -> list[TrialRecord]:
        """Return the trials that have the status."""
        return [trial for trial in self.trials if trial.status == status]

    @property
    def searched(self) -> bool:
        """Return whether this is a search; of the trials of a fixed design none is the best."""
        plan = self.info.get("settings", {}).get("plan", {})
        return bool(plan.get("sampler") != FIXED_DESIGN)

    @property
    def front(self) -> list[TrialRecord]:
        """Return the completed trials of a search that none dominates, best quality first.

        Trials that were stopped early do not count: their values belong to a smaller budget.
        Values that differ by no more than the noise floor are equal.
        """
        if not self.searched:
            return []
        names, complete = self.problem.objectives, self.with_status(TrialStatus.COMPLETED)
        values = [[t.metrics[name] for name in names] for t in complete]
        tolerances = [self.noise_floor(name) for name in names]
        front = pareto_front(values, self.problem.directions, tolerances)
        return [complete[i] for i in front]

    def finalists(self, count: int) -> list[TrialRecord]:
        """Return up to ``count`` completed trials: the best, then others by their objectives.

        No two have the same parameters: of replicates the one that ranks first is taken.
        """
        complete, names = self.with_status(TrialStatus.COMPLETED), self.problem.searched_objectives
        directions = [str(self.problem.metric(name).goal) for name in names]
        order = ranking([[t.metrics[name] for name in names] for t in complete], directions)
        found: dict[tuple[Value, ...], TrialRecord] = {}
        for trial in (self.best, *(complete[i] for i in order)):
            if trial is not None:
                found.setdefault(self.problem.setting(trial.parameters), trial)
        return list(found.values())[:count]

    def replicates(self, trial: TrialRecord) -> list[TrialRecord]:
        """Return all trials that have the parameters of ``trial``, itself among them."""
        setting = self.problem.setting
        return [t for t in self.trials if setting(t.parameters) == setting(trial.parameters)]

    def is_start_point(self, trial: TrialRecord) -> bool:
        """Return whether the trial's parameters were given to the search, not found by it."""
        if not self.searched:
            return False
        points = [self.problem.setting(point) for point in self.problem.start_points]
        return self.problem.setting(trial.parameters) in points

    def rerun_command(self, trial: TrialRecord) -> str:
        """Return the command that runs a trial again, with its seed."""
        return self.problem.rerun_command({self.problem.seed: trial.seed, **trial.parameters})

    def noise_floor(self, metric: str) -> float:
        """Return the relative difference up to which two values of ``metric`` count as equal.

        It is measured from all trials where they repeat one measurement, and 0 elsewhere.
        """
        if not self.problem.is_noise(metric):
            return 0.0
        return noise_floor([t.metrics[metric] for t in self.trials if metric in t.metrics])

    @property
    def best(self) -> TrialRecord | None:
        """Return the completed trial of a search that is best in the first objective."""
        name, direction = self.problem.objectives[0], self.problem.directions[0]
        complete = sorted(self.with_status(TrialStatus.COMPLETED), key=lambda t: t.metrics[name])
        if not (complete and self.searched):
            return None
        return complete[0] if direction == "min" else complete[-1]


def load_study(folder: Path) -> StudyRecord:
    """Read ``results/NAME``.

    Raises:
        FileNotFoundError: it is not a study's folder.
        DamagedFile: one of its files cannot be read.
    """
    info = files.read_info(folder)
    running = files.is_written(folder)
    info["status"] = files.true_status(info["status"], running)
    problem = read_problem(folder / files.STUDY_FILE, info)
    metrics = [metric.name for metric in problem.metrics]
    trials = _read(folder / files.TRIALS_FILE, check_trials, problem)
    history = _read(folder / files.HISTORY_FILE, check_history, problem)

    curves: dict[str, list[Evaluation]] = {}
    for row in history:
        evaluation = _evaluation(row, problem, row["elapsed_s"])
        curves.setdefault(row["trial_id"], []).append(evaluation)

    records: list[TrialRecord] = []
    first: dict[tuple[Value, ...], tuple[int, int]] = {}  # setting → number and seed
    study_seed = info.get("settings", {}).get("plan", {}).get("seed", 0)
    for number, row in enumerate(trials):
        seed = row.get(problem.seed, study_seed)
        earliest, its_seed = first.setdefault(problem.setting(row), (number, seed))
        curve = curves.setdefault(row["trial_id"], [])
        if row["status"] in ENDED and int(row[problem.resource]) > _reached(curve):
            # the history has lost it
            curve.append(_evaluation(row, problem, row.get("ended_s", row["started_s"])))
        pictures, films = (
            _there(folder / files.SAMPLES_FOLDER / row["trial_id"], stages)
            for stages in (problem.stages, problem.films)
        )
        records.append(
            TrialRecord(
                number=number,
                trial_id=row["trial_id"],
                status=_true_status(row["status"], running),
                stop_reason=row.get("stop_reason", ""),
                resource=int(row[problem.resource]),
                parameters=problem.parameters_in(row),
                metrics=_present(row, metrics),
                curve=tuple(curve),
                pictures=pictures,
                films=films,
                started_s=row["started_s"],
                ended_s=row.get("ended_s"),
                held_s=held_s([row]),
                restarts=int(row.get("restarts", 0)),
                restart_reason=row.get("restart_reason", ""),
                node=row.get("node", ""),
                gpus=row.get("gpus", ""),
                device_memory_gb=row.get("device_memory_gb"),
                seed=seed,
                replicate_of=None if seed == its_seed else earliest,
            )
        )
    confirmation, baseline = (
        load_study(folder / part) if (folder / part / files.STUDY_FILE).exists() else None
        for part in (files.CONFIRM_FOLDER, files.BASELINE_FOLDER)
    )
    if confirmation:
        path = folder / files.CONFIRM_FOLDER / files.STUDY_FILE
        check_confirmation(path, confirmation.info, confirmation.problem)
    name = folder.resolve().name  # a study is its folder, wherever that was copied or moved
    return StudyRecord(name, folder, problem, info, tuple(records), confirmation, baseline)


def _there(folder: Path, stages: Sequence[Stage]) -> dict[str, Path]:
    """Return the pictures in a folder that exist, by stage."""
    paths = {stage.name: folder / f"{stage.name}.png" for stage in stages}
    return {name: path for name, path in paths.items() if path.is_file()}


def _evaluation(row: Mapping[str, Any], problem: Problem, elapsed_s: float) -> Evaluation:
    return Evaluation(
        int(row[problem.resource]),
        elapsed_s,
        _present(row, [metric.name for metric in problem.metrics]),
        row.get("node", ""),
        row.get("gpus", ""),
        row.get("held_s"),
    )


def _reached(curve: list[Evaluation]) -> int:
    return curve[-1].resource if curve else 0


def _read(path: Path, check: Check, problem: Problem) -> list[dict[str, Any]]:
    """Return the rows of a table that has to be there; raise DamagedFile if it is not."""
    if not path.exists():
        raise DamagedFile(path, "is missing")
    rows = files.read_rows(path)
    check(path, rows, problem)
    return rows


def _true_status(status: str, running: bool) -> TrialStatus:
    """Return a trial's status: none runs in a study that nobody runs."""
    abandoned = status == TrialStatus.RUNNING and not running
    return TrialStatus.INTERRUPTED if abandoned else TrialStatus(status)


def _present(row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the values that are there, numbers if they are finite."""
    present = {name: row[name] for name in names if name in row}
    return {
        name: value
        for name, value in present.items()
        if not (isinstance(value, float) and not math.isfinite(value))
    }
