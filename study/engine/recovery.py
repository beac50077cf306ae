"""Recovery of a study from what its earlier sessions left on disk.

A process can be killed, and a machine's power fail, between any two steps; and people edit files.
A trial that has ended on record stays as it ended. Each open trial is brought to where its
evaluations on record put it: ended, if the last one ended it, or waiting at its rung, or ready to
go on from the newest of its checkpoints that is whole, and from its beginning if none is.
Evaluations that this makes again are not recorded again. Nothing is deleted here, and where the
records disagree, a line says what was done about it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.engine.asha import SuccessiveHalving
from study.engine.checkpoints import bring_pictures, is_whole
from study.engine.trial_queue import RecoveredTrial
from study.results.files import write_text
from study.results.folder import RAY_FOLDER, SAMPLES_FOLDER, ResultsFolder
from study.results.remote import RemotePath
from study.spec.problem import Problem
from study.spec.status import ENDED, TrialStatus

RESULT_FILE = "result.json"
"""The file in which Ray keeps a trial's evaluations, a line of JSON each."""

Ending = tuple[TrialStatus, str]
"""The status of a trial and its reason, in words."""

Curve = list[dict[str, Any]]
"""A trial's evaluations on record, in their order."""

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
    if problem.has_failed(problem.objectives, row):
        return TrialStatus.FAILED, "an objective is not a finite number"
    if spent >= problem.max_resource:
        ran = f"ran all {spent} {problem.resource}s"
        if lacking := problem.lacking(problem.objectives, row):
            return TrialStatus.STOPPED, f"{ran} without {' and '.join(lacking)}"
        return TrialStatus.COMPLETED, ran
    if not goes_on:
        return TrialStatus.PAUSED, f"not among the best at {problem.resource} {spent}"
    return None


def recover(
    folder: ResultsFolder,
    place: RemotePath,
    scheduler: SuccessiveHalving,
    seed: int,
    say: Callable[[str], None],
) -> tuple[list[dict[str, Any]], list[RecoveredTrial]]:
    """Return the rows and the trials of all earlier sessions; restore the scheduler's rungs.

    Args:
        place: the folder in which Ray's own folder with the checkpoints is.
        seed: the study's, which trials have had that were begun before seeds were on record.
        say: called with a line where the records disagree.
    """
    problem, rows = folder.problem, folder.read_trials()
    curves: dict[str, Curve] = {row["trial_id"]: [] for row in rows}
    listed = set(curves)
    goes_on: dict[str, bool] = {}
    for evaluation in folder.read_history():
        trial_id = evaluation["trial_id"]
        goes_on[trial_id] = scheduler.decide(trial_id, evaluation[problem.resource], evaluation)
        curves.setdefault(trial_id, []).append(evaluation)
    _say_what_disagrees(folder, place, rows, curves, say)
    rows += [_row_again(problem, curves[name]) for name in curves if name not in listed]
    for row in rows:
        if row["status"] == TrialStatus.FAILED:
            scheduler.forget(row["trial_id"])
        elif row["status"] in ENDED:
            scheduler.end(row["trial_id"])
    recovered = []
    for number, row in enumerate(rows):
        row.setdefault(problem.seed, seed)
        trial_id = row["trial_id"]
        begun = curve = curves[trial_id]
        if row["status"] not in ENDED:
            rows[number] = row = _settled(problem, row, curve, goes_on.get(trial_id, True))
            begun = _from_checkpoint(folder, place / RAY_FOLDER / trial_id, curve)
            _shorten_log(folder.path / RAY_FOLDER / trial_id / RESULT_FILE, len(curve))
            if len(begun) < len(curve) and row["status"] not in ENDED:
                start = f"goes on from {begun[-1]['checkpoint']}" if begun else "begins again"
                why = f"its {curve[-1]['checkpoint']} is missing or damaged"
                say(f"trial {trial_id} {start}: {why}")
        recovered.append(_recovered(problem, row, begun))
    folder.write_trials(rows)
    return rows, recovered


def _reported(problem: Problem) -> list[str]:
    """Return the columns of a row that its last evaluation fills."""
    return [
        problem.resource,
        "concurrent",
        "held_s",
        "node",
        "gpus",
        "gpu_share",
        *(metric.name for metric in problem.metrics),
    ]


def _row_again(problem: Problem, curve: Curve) -> dict[str, Any]:
    """Return the row of a trial that only its evaluations tell of."""
    first, last = curve[0], curve[-1]
    return {
        "trial_id": first["trial_id"],
        "status": TrialStatus.RUNNING,
        problem.resource: last[problem.resource],
        "started_s": first["elapsed_s"],
        "restarts": 0,
        **{name: first[name] for name in problem.columns if name in first},
    }


def _settled(problem: Problem, row: dict[str, Any], curve: Curve, goes_on: bool) -> dict[str, Any]:
    """Return an open trial's row as its last evaluation on record has left it."""
    last = curve[-1] if curve else {problem.resource: 0}
    row = {name: row[name] for name in row if name not in _reported(problem)}
    row |= {name: last[name] for name in _reported(problem) if name in last}
    status, reason = ending(problem, row, goes_on) or INTERRUPTED
    ended_s = last.get("elapsed_s", row["started_s"])
    return row | {"status": status, "stop_reason": reason, "ended_s": ended_s}


def _from_checkpoint(folder: ResultsFolder, trial: RemotePath, curve: Curve) -> Curve:
    """Return the evaluations up to the newest whose checkpoint is whole; bring its pictures."""
    begun = curve
    while begun and not is_whole(trial / begun[-1]["checkpoint"]):
        begun = begun[:-1]
    if begun and begun is curve:
        pictures = folder.path / SAMPLES_FOLDER / curve[-1]["trial_id"]
        bring_pictures(trial / curve[-1]["checkpoint"], pictures)
    return begun


def _shorten_log(log: Path, evaluations: int) -> None:
    """Cut those lines of Ray's log that came after the last evaluation on record."""
    if log.exists():
        lines = log.read_text(errors="replace").splitlines()[:evaluations]
        write_text(log, "".join(f"{line}\n" for line in lines))


def _recovered(problem: Problem, row: dict[str, Any], begun: Curve) -> RecoveredTrial:
    """Return a trial as Ray gets it: as it ended, or as its evaluations ``begun`` left it."""
    status = TrialStatus(row["status"])
    last: dict[str, Any] = begun[-1] if begun else {problem.resource: 0}
    at = row if status.has_ended else last
    return RecoveredTrial(
        trial_id=row["trial_id"],
        parameters=problem.parameters_in(row),
        seed=row[problem.seed],
        status=status,
        resource=at[problem.resource],
        evaluations=len(begun),
        metrics=_metrics(problem, at),
        checkpoint=last.get("checkpoint"),
        # of an ended trial the row is right, whatever the history lacks
        curve=[(e[problem.resource], _metrics(problem, e)) for e in (*begun[:-1], at) if e],
    )


def _metrics(problem: Problem, row: dict[str, Any]) -> dict[str, Any]:
    return {m.name: row[m.name] for m in problem.metrics if m.name in row}


def _say_what_disagrees(
    folder: ResultsFolder,
    place: RemotePath,
    rows: list[dict[str, Any]],
    curves: dict[str, Curve],
    say: Callable[[str], None],
) -> None:
    """Say which trials the tables tell differently of, and which folders are of none of them."""
    resource, listed = folder.problem.resource, {row["trial_id"] for row in rows}
    ahead = [
        row
        for row in rows
        if row[resource] > max((e[resource] for e in curves[row["trial_id"]]), default=0)
    ]
    ended = [row["trial_id"] for row in ahead if row["status"] in ENDED]
    still_open = [row["trial_id"] for row in ahead if row["status"] not in ENDED]
    unlisted = [trial_id for trial_id in curves if trial_id not in listed]
    unknown = {
        name
        for parent in (RemotePath.local(folder.path), place)
        for kind in (RAY_FOLDER, SAMPLES_FOLDER)
        for name in (parent / kind).folders()
        if name not in curves and (parent / kind / name).files()
    }
    for names, text in (
        (unlisted, "trials.csv lacks {}: written again from history.csv"),
        (ended, "history.csv lacks the last evaluation of {}: as trials.csv has it"),
        (still_open, "history.csv lacks the last evaluation of {}: measured again"),
        (sorted(unknown), "neither table knows {}: folders in ray or samples, left as they are"),
    ):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            say(text.format(f"trial {', '.join(names[:5])}{more}"))


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
