"""What the page knows of each trial: the rows of its table, and the pictures that it shows."""

from typing import Any

from study.page.figure_style import axis_title, place_name
from study.page.pictures import data_uri
from study.page.text import describe_origin
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Problem
from study.spec.status import TrialStatus

PICTURE_BYTES = 1_500_000
"""Pictures that the page holds itself; those of the trials that rank last stay in their folder.

With plotly.js, films and the rest it keeps the page below 4 MB.
"""


def labels_of(problem: Problem) -> dict[str, str]:
    """Return the labels of parameters and metrics by name, with units."""
    labels = {p.name: p.label for p in problem.parameters}
    return labels | {m.name: axis_title(m) for m in problem.metrics}


def columns_of(study: StudyRecord) -> list[dict[str, str]]:
    """Return the columns of the table: the trial, its parameters, and all it has reported."""
    problem = study.problem
    first = [("number", "trial"), ("status", "status"), ("resource", problem.resource)]
    settings = [(p.name, p.label) for p in problem.parameters]
    if problem.seed not in dict(settings):
        settings.append(("seed", "seed"))
    reported = {name for trial in study.trials for name in trial.metrics}
    metrics = [(m.name, axis_title(m)) for m in problem.metrics if m.goal and m.name in reported]
    last = [("restarts", "restarts")]
    return [{"key": key, "label": label} for key, label in first + settings + metrics + last]


def trials_json(study: StudyRecord) -> list[dict[str, Any]]:
    """Return what the page knows of each trial; those that rank first have pictures inside."""
    quality, direction = study.problem.objectives[0], study.problem.directions[0]
    sign = 1 if direction == "min" else -1

    def rank(trial: TrialRecord) -> tuple[bool, float]:
        return trial.status != TrialStatus.COMPLETED, sign * float(
            trial.metrics.get(quality, sign * 1e300)
        )

    shown, budget = {}, PICTURE_BYTES
    for trial in sorted(study.trials, key=rank):
        inside = pictures_of(study, trial, inside=True) if budget > 0 else {}
        budget -= sum(map(len, inside.values()))
        shown[trial.trial_id] = inside if budget > 0 else pictures_of(study, trial, inside=False)
    return [_trial_json(study, trial, shown[trial.trial_id]) for trial in study.trials]


def _trial_json(study: StudyRecord, trial: TrialRecord, pictures: dict[str, str]) -> dict[str, Any]:
    ended = f"{trial.status}: {trial.stop_reason}" if trial.stop_reason else trial.status
    again = f"; restarts: {trial.restarts}, the last after {trial.restart_reason}"
    origin, place = describe_origin(study, trial), place_name(trial.node, trial.gpus)
    if trial.device_memory_gb is not None:
        place += f", at most {trial.device_memory_gb:g} GB"
    return {
        "id": trial.trial_id,
        "number": trial.number,
        "status": trial.status,
        "resource": trial.resource,
        "restarts": trial.restarts,
        "ended": ended
        + (again if trial.restarts else "")
        + (f"; {origin}" if origin else "")
        + (f"; on {place}" if place else ""),
        "seed": trial.seed,
        "parameters": trial.parameters,
        "metrics": trial.metrics,
        "command": study.rerun_command(trial),
        "pictures": pictures,
    }


def pictures_of(study: StudyRecord, trial: TrialRecord, inside: bool) -> dict[str, str]:
    """Return the sources of images by stage: their content, or their place beside the page."""
    return {
        stage: data_uri(path) if inside else path.relative_to(study.folder).as_posix()
        for stage, path in trial.pictures.items()
    }
