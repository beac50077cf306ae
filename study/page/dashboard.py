"""The dashboard of a study, or of several side by side: one HTML file that works offline."""

import base64
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from study.analysis import search
from study.analysis.comparison import arms, verdict
from study.page import figures
from study.page.progress import seconds_left
from study.page.text import (
    clock,
    describe_arms,
    describe_noise,
    describe_scale,
    describe_trial,
    short,
)
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Problem
from study.spec.status import ENDED, StudyStatus, TrialStatus

PICTURE_BYTES = 12_000_000
"""Pictures that the page holds itself; those of the trials that rank last stay in their folder."""

REFRESH_S = 15
"""How often an open page of a running study looks for a newer one."""

Make = Callable[[StudyRecord], go.Figure]

FIGURES: dict[str, Make] = {
    "curves": figures.learning_curves,
    "history": figures.history,
    "hypervolume": figures.hypervolume,
    "correlation": figures.rank_correlation,
    "timeline": figures.timeline,
    "slices": figures.slices,
    "pairs": figures.pairs,
    "parallel": figures.parallel,
}


def draw(study: StudyRecord) -> str:
    """The page as HTML, with plotly.js and the pictures inside."""
    chosen = study.best or next(iter(study.trials), None)
    made = {name: figure_json(make(study)) for name, make in FIGURES.items()}
    importances = search.importances(study)
    made["importance"] = figure_json(figures.importance(study, importances))
    if study.confirmation:
        made["confirmed"] = figure_json(figures.confirmed(study))
    axes = figures.costs(study)
    tradeoffs = {axis.name: figure_json(figures.tradeoff(study, axis.name)) for axis in axes}
    return render(
        "dashboard.html.jinja",
        study=study,
        figures=made,
        tradeoffs=tradeoffs,
        axes=axes,
        trials=_trials_json(study),
        columns=_columns(study),
        stages={
            "list": [{"name": s.name, "label": s.label} for s in study.problem.stages],
            "objectives": study.problem.objectives,
        },
        labels=_labels(study.problem),
        better=_better_corner(study.problem),
        chosen=chosen.trial_id if chosen else None,
        verdict=verdict(study.confirmation) if study.confirmation else None,
        summary=_summary(study),
        arms=_arms_json(study),
        progress=_progress(study),
        refresh_s=REFRESH_S if _is_running(study) else None,
        failures=study.with_status(TrialStatus.FAILED),
        restarted=[trial for trial in study.trials if trial.restarts],
        saved=search.seconds_saved(study),
        importances=importances,
        statuses=tuple(TrialStatus),
        clock=clock,
        drawn=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        settings=json.dumps(study.info.get("settings", {}), indent=2),
    )


def compare(studies: list[StudyRecord]) -> str:
    """A page with several studies side by side: their fronts, best trials and verdicts."""
    return render(
        "compare.html.jinja",
        studies=[
            {
                "study": study,
                "verdict": verdict(study.confirmation) if study.confirmation else None,
                "pictures": {} if study.best is None else _pictures(study, study.best, inside=True),
                "rows": [] if study.best is None else _labelled(study, study.best),
            }
            for study in studies
        ],
        figure=figure_json(figures.fronts(studies)),
    )


def render(template: str, **values: Any) -> str:
    """A page that needs nothing besides itself: plotly.js is inside."""
    environment = Environment(
        loader=PackageLoader("study.page"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {}  # keep the order of scores and settings
    return environment.get_template(template).render(plotly_js=get_plotlyjs(), **values)


def _better_corner(problem: Problem) -> str:
    """Where the good trials are in the trade-off, in words."""
    vertical = "lower" if problem.directions[0] == "min" else "higher"
    if len(problem.objectives) == 1:
        return f"{vertical} is better"
    return f"{vertical} {'left' if problem.directions[1] == 'min' else 'right'} is better"


def figure_json(figure: go.Figure) -> Any:
    return json.loads(figure.to_json())


def _summary(study: StudyRecord) -> list[str]:
    """What to use, what it costs and what to judge it by."""
    if study.best is None:
        return []
    found = ["Best: " + describe_trial(study, study.best), describe_scale(study, study.best)]
    if study.confirmation:
        found.insert(1, describe_arms(study.confirmation))
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in found + describe_noise(study)]


def _arms_json(study: StudyRecord) -> list[dict[str, Any]]:
    """The confirmed settings: what they are, what they draw, how one of their runs is repeated."""
    if study.confirmation is None:
        return []
    stage = study.problem.stages[-1].name
    return [
        {
            "name": name,
            "settings": ", ".join(
                f"{key} {short(value)}"
                for key, value in study.confirmation.info["arms"][name].items()
            ),
            "command": study.confirmation.problem.rerun_command(trial.parameters),
            "picture": data_uri(trial.pictures[stage]) if stage in trial.pictures else None,
            "seed": trial.parameters["seed"],
        }
        for name, arm in arms(study.confirmation).items()
        for trial in list(arm.trials.values())[:1]
    ]


def _is_running(study: StudyRecord) -> bool:
    parts = [study, *([study.confirmation] if study.confirmation else [])]
    return any(part.info["status"] == StudyStatus.RUNNING for part in parts)


def _progress(study: StudyRecord) -> dict[str, Any]:
    """Return how many trials have ended, and the time that is left, as text."""
    plan, left = study.info.get("settings", {}).get("plan", {}), None
    if plan:
        taken, expected = [t.seconds for t in study.trials], study.info.get("expected_s", ())
        left = seconds_left(taken, plan["num_samples"], plan["slots"], expected)
    return {
        "ended": sum(t.status in ENDED for t in study.trials),
        "of": plan.get("num_samples", len(study.trials)),
        "left": None if left is None else clock(left),
    }


def _labels(problem: Problem) -> dict[str, str]:
    """Of parameters and metrics by name, with units."""
    labels = {p.name: p.label for p in problem.parameters}
    return labels | {m.name: figures.axis_title(m) for m in problem.metrics}


def _columns(study: StudyRecord) -> list[dict[str, str]]:
    """Of the table: what a trial is called, its settings, and all it has reported."""
    problem = study.problem
    first = [("number", "trial"), ("status", "status"), ("resource", problem.resource)]
    settings = [(p.name, p.label) for p in problem.parameters]
    metrics = [(m.name, figures.axis_title(m)) for m in problem.metrics if m.goal]
    last = [("restarts", "restarts")]
    return [{"key": key, "label": label} for key, label in first + settings + metrics + last]


def _trials_json(study: StudyRecord) -> list[dict[str, Any]]:
    """What the page knows of each trial; pictures inside for those that rank first."""
    quality, direction = study.problem.objectives[0], study.problem.directions[0]
    sign = 1 if direction == "min" else -1

    def rank(trial: TrialRecord) -> tuple[bool, float]:
        return trial.status != TrialStatus.COMPLETED, sign * float(
            trial.metrics.get(quality, sign * 1e300)
        )

    inside, budget = set(), PICTURE_BYTES
    for trial in sorted(study.trials, key=rank):
        budget -= sum(path.stat().st_size for path in trial.pictures.values()) * 4 // 3
        if budget > 0:
            inside.add(trial.trial_id)
    return [_trial_json(study, trial, trial.trial_id in inside) for trial in study.trials]


def _trial_json(study: StudyRecord, trial: TrialRecord, inside: bool) -> dict[str, Any]:
    ended = f"{trial.status}: {trial.stop_reason}" if trial.stop_reason else trial.status
    again = f"; restarts: {trial.restarts}, the last after {trial.restart_reason}"
    place = figures.place_name(trial.node, trial.gpus)
    if trial.device_memory_gb is not None:
        place += f", at most {trial.device_memory_gb:g} GB"
    return {
        "id": trial.trial_id,
        "number": trial.number,
        "status": trial.status,
        "resource": trial.resource,
        "restarts": trial.restarts,
        "ended": ended + (again if trial.restarts else "") + (f"; on {place}" if place else ""),
        "parameters": trial.parameters,
        "metrics": trial.metrics,
        "command": study.problem.rerun_command(trial.parameters),
        "pictures": _pictures(study, trial, inside),
    }


def _labelled(study: StudyRecord, trial: TrialRecord) -> list[tuple[str, str]]:
    """Settings and objectives of a trial, to be read."""
    problem = study.problem
    settings = [(p.label, f"{short(trial.parameters[p.name])}") for p in problem.parameters]
    metrics = [problem.metric(name) for name in problem.objectives]
    scores = [(figures.axis_title(m), short(trial.metrics[m.name])) for m in metrics]
    return settings + scores


def _pictures(study: StudyRecord, trial: TrialRecord, inside: bool) -> dict[str, str]:
    """Sources of images: their content, or where they are beside the page."""
    return {
        stage: data_uri(path) if inside else path.relative_to(study.folder).as_posix()
        for stage, path in trial.pictures.items()
    }


def data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
