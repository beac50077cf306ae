"""The dashboard of a study, or of several side by side: one HTML file that works offline."""

import base64
import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from study.analysis import search
from study.analysis.conditions import conditions_of
from study.analysis.verdict import verdict_of
from study.page import figures
from study.page.anytime_figure import describe_lead, searched
from study.page.figure_style import axis_title, place_name
from study.page.numbers import short
from study.page.progress import seconds_left
from study.page.text import (
    clock,
    describe_best,
    describe_edges,
    describe_noise,
    describe_origin,
    describe_replicates,
    describe_scale,
    describe_widenings,
)
from study.page.tradeoff_figures import costs
from study.page.verdict_table import axis_of, groups_of
from study.page.verdict_text import headline, verdict_text
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Problem
from study.spec.status import ENDED, StudyStatus, TrialStatus

PICTURE_BYTES = 12_000_000
"""Pictures that the page holds itself; those of the trials that rank last stay in their folder."""

ANYTIME = "anytime"
"""The name, in the page, of the trade-off over the seconds so far."""

REFRESH_S = 15
"""How often an open page of a running study looks for a newer one."""


@dataclass(frozen=True)
class Plot:
    """A figure of the page, and what stands around it.

    Attributes:
        name: its id in the page.
        section: the part of the page in which it stands, after those that :data:`FIGURES` names
            before it.
        make: draws it; None where the study has nothing that it could show.
        title: its heading, if it has one of its own.
        note: what to know in order to read it, beneath it.
        instead: what stands in its place where it is None; without it, nothing does.
        low: whether it is less tall than others.
        wide: whether it scrolls sideways on a narrow screen.
    """

    name: str
    section: Literal["verdict", "tradeoff", "search", "parameters"]
    make: Callable[[StudyRecord], go.Figure | None]
    title: str = ""
    note: str = ""
    instead: str = ""
    low: bool = False
    wide: bool = False


def _confirmed(study: StudyRecord) -> go.Figure | None:
    return figures.confirmed(study) if study.confirmation else None


def _importance(study: StudyRecord) -> go.Figure | None:
    found = search.importances(study)
    return figures.importance(study, found) if found else None


def _history(study: StudyRecord) -> go.Figure | None:
    return figures.history(study) if study.searched else None


def _hypervolume(study: StudyRecord) -> go.Figure | None:
    return figures.hypervolume(study) if study.searched else None


FIGURES = (
    Plot(
        "confirmed",
        "verdict",
        _confirmed,
        note="Left of 1 is less; within the grey band two values count as equal.",
    ),
    Plot("curves", "tradeoff", figures.learning_curves, "Learning curves"),
    Plot("history", "search", _history, "Best so far", low=True),
    Plot("hypervolume", "search", _hypervolume, "Hypervolume", low=True),
    Plot(
        "correlation",
        "search",
        figures.rank_correlation,
        "Does an early score tell the final order?",
        low=True,
    ),
    Plot("timeline", "search", figures.timeline, "Who ran when", low=True),
    Plot(
        "importance",
        "parameters",
        _importance,
        "Importance",
        note="The share of the variance over the search's trials that each parameter explains "
        "(fANOVA). A search dwells where it is good, so take it as a hint, the more so the fewer "
        "trials it rests on.",
        instead="Too few trials to say, or nothing was searched.",
        low=True,
    ),
    Plot("pairs", "parameters", figures.pairs, "Two parameters at a time", wide=True),
    Plot("slices", "parameters", figures.slices, "One parameter at a time", low=True, wide=True),
    Plot("parallel", "parameters", figures.parallel, "All together", low=True, wide=True),
)
"""The figures of the page besides the trade-off, which can be drawn against several costs."""


def draw(study: StudyRecord, plots: Sequence[Plot] = FIGURES) -> str:
    """Return the page of a study as HTML, with plotly.js and the pictures inside."""
    chosen = study.best or next(iter(study.trials), None)
    made = {plot.name: plot.make(study) for plot in plots}
    drawn = {name: figure_json(figure) for name, figure in made.items() if figure is not None}
    tradeoffs = {key: (label, figure_json(figure)) for key, label, figure in _tradeoffs(study)}
    return render(
        "dashboard.html.jinja",
        study=study,
        plots=[plot for plot in plots if plot.name in drawn or plot.instead],
        figures=drawn,
        tradeoffs={key: figure for key, (_, figure) in tradeoffs.items()},
        axes={key: label for key, (label, _) in tradeoffs.items()},
        front_lead=describe_lead(study),
        trials=_trials_json(study),
        columns=_columns(study),
        stages={
            "list": [{"name": s.name, "label": s.label} for s in study.problem.stages],
            "objectives": study.problem.objectives,
        },
        labels=_labels(study.problem),
        better=_better_corner(study.problem),
        better_soon=f"{_better_side(study.problem)} left is better",
        chosen=chosen.trial_id if chosen else None,
        verdict=_verdict(study),
        best_command=study.rerun_command(study.best) if study.best else None,
        best=describe_best(study, study.best) if study.best else None,
        summary=_summary(study),
        conditions=_conditions_json(study),
        progress=_progress(study),
        refresh_s=REFRESH_S if _is_running(study) else None,
        failures=study.with_status(TrialStatus.FAILED),
        restarted=[trial for trial in study.trials if trial.restarts],
        saved=search.seconds_saved(study),
        statuses=tuple(TrialStatus),
        clock=clock,
        drawn=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        settings=json.dumps(study.info.get("settings", {}), indent=2),
    )


def _tradeoffs(study: StudyRecord) -> Iterator[tuple[str, str, go.Figure]]:
    """Yield the name, the label and the figure of each trade-off, the one shown first first."""
    if study.searched and searched(study):
        yield ANYTIME, "seconds so far", figures.anytime(study)
    for cost in costs(study):
        is_noise = study.problem.is_noise(cost.name)
        label = f"{cost.label} — noise: no searched setting changes it" if is_noise else cost.label
        yield cost.name, label, figures.tradeoff(study, cost.name)


def compare(studies: list[StudyRecord]) -> str:
    """Return a page with several studies side by side: their fronts, best trials and verdicts."""
    return render(
        "compare.html.jinja",
        studies=[
            {
                "study": study,
                "verdict": verdict_text(study.confirmation) if study.confirmation else None,
                "pictures": {} if study.best is None else _pictures(study, study.best, inside=True),
                "rows": [] if study.best is None else _labelled(study, study.best),
            }
            for study in studies
        ],
        figure=figure_json(figures.fronts(studies)),
    )


def render(template: str, **values: Any) -> str:
    """Return a page that needs nothing besides itself: plotly.js is inside."""
    environment = Environment(
        loader=PackageLoader("study.page"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {}  # keep the order of scores and settings
    return environment.get_template(template).render(plotly_js=get_plotlyjs(), **values)


def _better_corner(problem: Problem) -> str:
    """Return where the good trials are in the trade-off."""
    vertical = _better_side(problem)
    if len(problem.objectives) == 1:
        return f"{vertical} is better"
    return f"{vertical} {'left' if problem.directions[1] == 'min' else 'right'} is better"


def _better_side(problem: Problem) -> str:
    """Return which way the first objective is better."""
    return "lower" if problem.directions[0] == "min" else "higher"


def figure_json(figure: go.Figure) -> Any:
    """Return a figure as plain lists and dictionaries, as the page holds it."""
    return json.loads(figure.to_json())


def _summary(study: StudyRecord) -> list[str]:
    """Return what to judge the best trial by, and what to know of the search, a sentence each."""
    if study.best is None:
        return []
    found = [*describe_scale(study, study.best), *describe_replicates(study)]
    sentences = [f"{each[0].upper()}{each[1:]}." for each in found + describe_noise(study)]
    # these begin with a name or end with a command, which a capital or a stop would change
    return sentences + describe_edges(study) + describe_widenings(study.info)


def _verdict(study: StudyRecord) -> dict[str, Any] | None:
    """Return what the verdict's part of the page shows; None without a confirmation."""
    if study.confirmation is None:
        return None
    groups = groups_of(study.confirmation)
    return {
        "headline": headline(study.confirmation),
        "groups": groups,
        "axis": axis_of(groups),
        "text": verdict_text(study.confirmation),
        "json": verdict_of(study.confirmation).to_json(),
    }


def _conditions_json(study: StudyRecord) -> list[dict[str, Any]]:
    """Return the confirmed conditions: what they are, what they draw, how to repeat a run."""
    if study.confirmation is None:
        return []
    stage = study.problem.stages[-1].name
    labels = {p.name: p.label for p in study.confirmation.problem.parameters}
    return [
        {
            "name": name,
            "settings": ", ".join(
                f"{labels[key]} {short(value)}" for key, value in condition.parameters.items()
            ),
            "command": study.confirmation.rerun_command(trial),
            "picture": data_uri(trial.pictures[stage]) if stage in trial.pictures else None,
            "seed": trial.parameters["seed"],
        }
        for name, condition in conditions_of(study.confirmation).items()
        for trial in list(condition.trials.values())[:1]
    ]


def _is_running(study: StudyRecord) -> bool:
    parts = [study, *([study.confirmation] if study.confirmation else [])]
    return any(part.info["status"] == StudyStatus.RUNNING for part in parts)


def _progress(study: StudyRecord) -> dict[str, Any]:
    """Return how many trials have ended, and the time that is left, as text."""
    plan, left = study.info.get("settings", {}).get("plan", {}), None
    if "num_samples" in plan:
        taken, expected = [t.seconds for t in study.trials], study.info.get("expected_s", ())
        left = seconds_left(taken, plan["num_samples"], plan["slots"], expected)
    return {
        "ended": sum(t.status in ENDED for t in study.trials),
        "of": plan.get("num_samples", len(study.trials)),
        "left": None if left is None else clock(left),
    }


def _labels(problem: Problem) -> dict[str, str]:
    """Return the labels of parameters and metrics by name, with units."""
    labels = {p.name: p.label for p in problem.parameters}
    return labels | {m.name: axis_title(m) for m in problem.metrics}


def _columns(study: StudyRecord) -> list[dict[str, str]]:
    """Return the columns of the table: the trial, its parameters, and all it has reported."""
    problem = study.problem
    first = [("number", "trial"), ("status", "status"), ("resource", problem.resource)]
    settings = [(p.name, p.label) for p in problem.parameters]
    if problem.seed not in dict(settings):
        settings.append(("seed", "seed"))
    metrics = [(m.name, axis_title(m)) for m in problem.metrics if m.goal]
    last = [("restarts", "restarts")]
    return [{"key": key, "label": label} for key, label in first + settings + metrics + last]


def _trials_json(study: StudyRecord) -> list[dict[str, Any]]:
    """Return what the page knows of each trial; those that rank first have pictures inside."""
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
        "pictures": _pictures(study, trial, inside),
    }


def _labelled(study: StudyRecord, trial: TrialRecord) -> list[tuple[str, str]]:
    """Return the parameters and objectives of a trial, with labels."""
    problem = study.problem
    settings = [(p.label, f"{short(trial.parameters[p.name])}") for p in problem.parameters]
    metrics = [problem.metric(name) for name in problem.objectives]
    scores = [(axis_title(m), short(trial.metrics[m.name])) for m in metrics]
    return settings + scores


def _pictures(study: StudyRecord, trial: TrialRecord, inside: bool) -> dict[str, str]:
    """Return the sources of images by stage: their content, or their place beside the page."""
    return {
        stage: data_uri(path) if inside else path.relative_to(study.folder).as_posix()
        for stage, path in trial.pictures.items()
    }


def data_uri(path: Path) -> str:
    """Return a PNG file as the source of an image that the page holds itself."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
