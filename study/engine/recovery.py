"""Recovery of a study from what its earlier sessions left on disk.

A process can be killed between any two steps. Here each open trial is brought to where its
evaluations on record put it: ended, if the last one ended it, or ready to go on from the checkpoint
that came with the last one. What is not on record (a trial begun but not yet written down, a
checkpoint half copied) is removed.
"""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.fs

from study.engine.asha import SuccessiveHalving
from study.engine.reporting import PICTURES
from study.engine.trial_queue import RecoveredTrial
from study.results.files import write_text
from study.results.folder import CHECKPOINT, RAY_FOLDER, SAMPLES_FOLDER, ResultsFolder
from study.results.remote import RemotePath
from study.spec.problem import Problem
from study.spec.status import ENDED, TrialStatus

RESULT_FILE = "result.json"
"""The file in which Ray keeps a trial's evaluations, a line of JSON each."""

Ending = tuple[TrialStatus, str]
"""The status of a trial and its reason, in words."""

INTERRUPTED: Ending = (TrialStatus.INTERRUPTED, "the study was interrupted")


def ending(problem: Problem, row: dict[str, Any], goes_on: bool) -> Ending | None:
    """Return how its last evaluation has ended a trial, or None if it is to go on.

    Args:
        row: the trial's row after that evaluation.
        goes_on: what the scheduler has decided.
    """
    spent = row[problem.resource]
    if not spent:
        return None
    if not all(math.isfinite(float(row.get(name, math.nan))) for name in problem.objectives):
        return TrialStatus.FAILED, "an objective is not a finite number"
    if spent >= problem.max_resource:
        return TrialStatus.COMPLETED, f"ran all {spent} {problem.resource}s"
    if not goes_on:
        return TrialStatus.STOPPED, f"not among the best at {problem.resource} {spent}"
    return None


def recover(
    folder: ResultsFolder, place: RemotePath, scheduler: SuccessiveHalving, seed: int
) -> tuple[list[dict[str, Any]], list[RecoveredTrial]]:
    """Return the rows and the trials of all earlier sessions; restore the scheduler's rungs.

    Args:
        place: the folder in which Ray's own folder with the checkpoints is.
        seed: the study's, which trials have had that were begun before seeds were on record.
    """
    problem, rows, history = folder.problem, folder.read_trials(), folder.read_history()
    evaluations: dict[str, list[dict[str, Any]]] = {row["trial_id"]: [] for row in rows}
    goes_on: dict[str, bool] = {}
    for evaluation in history:
        trial_id = evaluation["trial_id"]
        goes_on[trial_id] = scheduler.decide(trial_id, evaluation[problem.resource], evaluation)
        evaluations[trial_id].append(evaluation)
    recovered, trials = [], place / RAY_FOLDER
    for number, row in enumerate(rows):
        row.setdefault(problem.seed, seed)
        curve = evaluations[row["trial_id"]]
        last = curve[-1] if curve else {problem.resource: 0}
        if row["status"] not in ENDED or row[problem.resource] > last[problem.resource]:
            row = {name: row[name] for name in row if name not in _reported(problem)}
            row |= {name: last[name] for name in _reported(problem) if name in last}
            status, reason = ending(problem, row, goes_on.get(row["trial_id"], True)) or INTERRUPTED
            if curve and not (trials / row["trial_id"] / last["checkpoint"]).exists():
                status, reason = TrialStatus.FAILED, f"its checkpoint {last['checkpoint']} is gone"
            ended_s = last.get("elapsed_s", row["started_s"])
            row |= {"status": status, "stop_reason": reason, "ended_s": ended_s}
            rows[number] = row
            if status != TrialStatus.FAILED:
                _tidy_trial(folder, trials / row["trial_id"], curve)
        metrics = {m.name: row[m.name] for m in problem.metrics if m.name in row}
        recovered.append(
            RecoveredTrial(
                trial_id=row["trial_id"],
                parameters=problem.parameters_in(row),
                seed=row[problem.seed],
                status=TrialStatus(row["status"]),
                resource=row[problem.resource],
                evaluations=len(curve),
                metrics=metrics,
                checkpoint=curve[-1]["checkpoint"] if curve else None,
            )
        )
    for somewhere in (RemotePath.local(folder.path), place):
        _remove_orphans(somewhere, set(evaluations))
    folder.write_trials(rows)
    return rows, recovered


def _reported(problem: Problem) -> list[str]:
    """Return the columns of a row that its last evaluation fills."""
    return [
        problem.resource,
        "concurrent",
        "node",
        "gpus",
        *(metric.name for metric in problem.metrics),
    ]


def _tidy_trial(folder: ResultsFolder, trial: RemotePath, curve: Sequence[dict[str, Any]]) -> None:
    """Remove those of a trial's files that do not belong to its evaluations on record."""
    trial_id = Path(trial.path).name
    logs = folder.path / RAY_FOLDER / trial_id
    if not curve:
        trial.remove()
        shutil.rmtree(logs, ignore_errors=True)
        return
    for name in trial.folders():
        if name.startswith(CHECKPOINT) and name != curve[-1]["checkpoint"]:
            (trial / name).remove()
    bring_pictures(trial / curve[-1]["checkpoint"], folder.path / SAMPLES_FOLDER / trial_id)
    log = logs / RESULT_FILE
    if log.exists():
        lines = log.read_text().splitlines()[: len(curve)]
        write_text(log, "".join(f"{line}\n" for line in lines))


def bring_pictures(checkpoint: RemotePath, samples: Path) -> None:
    """Copy a checkpoint's pictures, wherever it is stored, to the results; it may have none."""
    if not (checkpoint / PICTURES).exists():
        return
    samples.mkdir(parents=True, exist_ok=True)
    pyarrow.fs.copy_files(
        f"{checkpoint.path}/{PICTURES}",
        str(samples),
        source_filesystem=checkpoint.filesystem,
        destination_filesystem=pyarrow.fs.LocalFileSystem(),
    )


def _remove_orphans(place: RemotePath, known: set[str]) -> None:
    """Remove the folders of trials that were begun but never written down."""
    for parent in (place / RAY_FOLDER, place / SAMPLES_FOLDER):
        for name in parent.folders():
            if name not in known:
                (parent / name).remove()


def reopen_failed(folder: ResultsFolder) -> int:
    """Have :func:`recover` go on with the trials that failed; return how many there are.

    Those whose objectives are not finite stay as they are: they diverged, which is a result.
    """
    rows = folder.read_trials()
    failed = [
        row
        for row in rows
        if row["status"] == TrialStatus.FAILED and not ending(folder.problem, row, goes_on=True)
    ]
    for row in failed:
        row["status"] = TrialStatus.INTERRUPTED
    folder.write_trials(rows)
    return len(failed)
