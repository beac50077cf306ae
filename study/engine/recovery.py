"""What earlier sessions of a study left behind, set right so that the next one can go on.

A process can be killed between any two steps. Here each trial that was open is brought to where its
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
from study.engine.trial_queue import PastTrial
from study.results.folder import RAY_FOLDER, SAMPLES_FOLDER, ResultsFolder
from study.results.remote import RemotePath
from study.spec.problem import Description

RESULT_FILE = "result.json"
"""Ray's name for a trial's evaluations, a line of JSON each."""


INTERRUPTED = ("interrupted", "the study was interrupted")


def ending(subject: Description, row: dict[str, Any], goes_on: bool) -> tuple[str, str] | None:
    """Status and reason of a trial that its last evaluation has ended; None if it is to go on."""
    spent = row[subject.resource]
    if not spent:
        return None
    if not all(math.isfinite(float(row.get(name, math.nan))) for name in subject.objectives):
        return "failed", "an objective is not a finite number"
    if spent >= subject.max_resource:
        return "completed", f"ran all {spent} {subject.resource}s"
    if not goes_on:
        return "stopped", f"not among the best at {subject.resource} {spent}"
    return None


def reconcile(
    folder: ResultsFolder, place: RemotePath, scheduler: SuccessiveHalving
) -> tuple[list[dict[str, Any]], list[PastTrial]]:
    """The rows and the trials of all earlier sessions; brings the scheduler's rungs back.

    Args:
        place: where Ray's folder with the checkpoints is.
    """
    subject, rows, history = folder.subject, folder.read_trials(), folder.read_history()
    evaluations: dict[str, list[dict[str, Any]]] = {row["trial_id"]: [] for row in rows}
    goes_on: dict[str, bool] = {}
    for evaluation in history:
        trial_id = evaluation["trial_id"]
        goes_on[trial_id] = scheduler.decide(trial_id, evaluation[subject.resource], evaluation)
        evaluations[trial_id].append(evaluation)
    past, trials = [], place / RAY_FOLDER
    for number, row in enumerate(rows):
        curve = evaluations[row["trial_id"]]
        last = curve[-1] if curve else {subject.resource: 0}
        if (
            row["status"] in ("running", "interrupted")
            or row[subject.resource] > last[subject.resource]
        ):
            row = {name: row[name] for name in row if name not in _reported(subject)}
            row |= {name: last[name] for name in _reported(subject) if name in last}
            status, reason = ending(subject, row, goes_on.get(row["trial_id"], True)) or INTERRUPTED
            if curve and not (trials / row["trial_id"] / last["checkpoint"]).exists():
                status, reason = "failed", f"its checkpoint {last['checkpoint']} is gone"
            ended_s = last.get("elapsed_s", row["started_s"])
            row |= {"status": status, "stop_reason": reason, "ended_s": ended_s}
            rows[number] = row
            if status != "failed":
                _tidy_trial(folder, trials / row["trial_id"], curve)
        metrics = {m.name: row[m.name] for m in subject.metrics if m.name in row}
        past.append(
            PastTrial(
                trial_id=row["trial_id"],
                parameters={p.name: row[p.name] for p in subject.parameters},
                status=row["status"],
                resource=row[subject.resource],
                evaluations=len(curve),
                metrics=metrics,
                checkpoint=curve[-1]["checkpoint"] if curve else None,
            )
        )
    for somewhere in (RemotePath.local(folder.path), place):
        _remove_orphans(somewhere, set(evaluations))
    folder.write_trials(rows)
    return rows, past


def _reported(subject: Description) -> list[str]:
    return [
        subject.resource,
        "concurrent",
        "node",
        "gpus",
        *(metric.name for metric in subject.metrics),
    ]


def _tidy_trial(folder: ResultsFolder, trial: RemotePath, curve: Sequence[dict[str, Any]]) -> None:
    """Leave of a trial's files what belongs to its evaluations on record."""
    trial_id = Path(trial.path).name
    logs = folder.path / RAY_FOLDER / trial_id
    if not curve:
        trial.remove()
        shutil.rmtree(logs, ignore_errors=True)
        return
    for name in trial.folders():
        if name.startswith("checkpoint_") and name != curve[-1]["checkpoint"]:
            (trial / name).remove()
    bring_pictures(trial / curve[-1]["checkpoint"], folder.path / SAMPLES_FOLDER / trial_id)
    log = logs / RESULT_FILE
    if log.exists():
        lines = log.read_text().splitlines()[: len(curve)]
        log.write_text("".join(f"{line}\n" for line in lines))


def bring_pictures(checkpoint: RemotePath, samples: Path) -> None:
    """From a checkpoint, wherever it is stored, to the results."""
    samples.mkdir(parents=True, exist_ok=True)
    pyarrow.fs.copy_files(
        f"{checkpoint.path}/{PICTURES}",
        str(samples),
        source_filesystem=checkpoint.filesystem,
        destination_filesystem=pyarrow.fs.LocalFileSystem(),
    )


def _remove_orphans(place: RemotePath, known: set[str]) -> None:
    """Folders of trials that were begun but never written down."""
    for parent in (place / RAY_FOLDER, place / SAMPLES_FOLDER):
        for name in parent.folders():
            if name not in known:
                (parent / name).remove()
