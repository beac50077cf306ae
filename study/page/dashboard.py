"""The dashboard of a study, or of several side by side: one HTML file that works offline."""

import base64
import datetime
import functools
import gzip
import itertools
import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from study.analysis import search
from study.analysis.conditions import conditions_of
from study.analysis.verdict import verdict_of
from study.page import figures
from study.page.anytime_figure import describe_lead
from study.page.figure_style import axis_title
from study.page.interval_axis import axis_of
from study.page.model_figures import describe_decisive, describe_model
from study.page.numbers import short
from study.page.pictures import data_uri, film_of
from study.page.plots import FIGURES, Plot, tradeoffs
from study.page.progress import seconds_left
from study.page.text import (
    clock,
    describe_best,
    describe_bounds,
    describe_edges,
    describe_noise,
    describe_replicates,
    describe_scale,
    describe_widenings,
)
from study.page.tradeoff_figures import costs
from study.page.trial_data import columns_of, labels_of, pictures_of, trials_json
from study.page.verdict_table import ends_of, groups_of, less_is_better
from study.page.verdict_text import headline, verdict_text
from study.results.folder import REPLICATION_FILE
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Problem
from study.spec.status import ENDED, StudyStatus, TrialStatus

REFRESH_S = 15
"""How often an open page of a running study looks for a newer one."""


def draw(study: StudyRecord, plots: Sequence[Plot] = FIGURES) -> str:
    """Return the page of a study as HTML, with plotly.js and the pictures inside."""
    chosen = study.best or next(iter(study.trials), None)
    made = {plot.name: plot.make(study) for plot in plots}
    drawn = {name: figure_json(figure) for name, figure in made.items() if figure is not None}
    against = {key: (label, figure_json(figure)) for key, label, figure in tradeoffs(study)}
    return render(
        "dashboard.html.jinja",
        study=study,
        plots=[plot for plot in plots if plot.name in drawn or plot.instead],
        figures=drawn,
        tradeoffs={key: figure for key, (_, figure) in against.items()},
        axes={key: label for key, (label, _) in against.items()},
        front_lead=describe_lead(study),
        decides=describe_decisive(study),
        model=describe_model(study),
        trials=trials_json(study),
        columns=columns_of(study),
        stages={
            "list": [{"name": s.name, "label": s.label} for s in study.problem.stages],
            "objectives": study.problem.objectives,
        },
        labels=labels_of(study.problem),
        better=_better_corner(study.problem),
        better_soon=f"{_better_side(study.problem)} left is better",
        chosen=chosen.trial_id if chosen else None,
        verdict=_verdict(study),
        replication=REPLICATION_FILE if (study.folder / REPLICATION_FILE).exists() else None,
        best_command=study.rerun_command(study.best) if study.best else None,
        best=describe_best(study, study.best) if study.best else None,
        bounds=describe_bounds(study, study.best) if study.best else None,
        quality=study.problem.metric(study.problem.objectives[0]).label,
        summary=_summary(study),
        conditions=_conditions_json(study),
        progress=_progress(study),
        refresh_s=REFRESH_S if _running(study) else None,
        failures=study.with_status(TrialStatus.FAILED),
        restarted=[trial for trial in study.trials if trial.restarts],
        saved=search.seconds_saved(study),
        statuses=tuple(TrialStatus),
        clock=clock,
        drawn=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        settings=json.dumps(study.info.get("settings", {}), indent=2),
    )


def compare(studies: list[StudyRecord]) -> str:
    """Return a page with several studies side by side: their fronts, best trials and verdicts."""
    groups = [groups_of(s.confirmation)[:1] if s.confirmation else [] for s in studies]
    first = studies[0].problem
    noise = [m.label for m in costs(studies[0])[:1] if first.is_noise(m.name)]
    return render(
        "compare.html.jinja",
        axis=axis_of(ends_of([*itertools.chain(*groups)])) if any(groups) else None,
        better=_better_corner(first),
        less_is_better=all(less_is_better(s.confirmation) for s in studies if s.confirmation),
        noise=f"No searched setting changes {noise[0]}: differences are noise." if noise else None,
        studies=[
            {
                "study": study,
                "answer": headline(study.confirmation)[0] if study.confirmation else None,
                "group": group[0] if group else None,
                "verdict": verdict_text(study.confirmation) if study.confirmation else None,
                "pictures": {}
                if study.best is None
                else pictures_of(study, study.best, inside=True),
                "rows": [] if study.best is None else _labelled(study, study.best),
            }
            for study, group in zip(studies, groups, strict=True)
        ],
        figure=figure_json(figures.fronts(studies)),
    )


def render(template: str, **values: Any) -> str:
    """Return a page that needs nothing besides itself: plotly.js is inside."""
    environment = Environment(
        loader=PackageLoader("study.page"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {}  # keep the order of scores and settings
    return environment.get_template(template).render(plotly_gz=_plotly_gz(), **values)


@functools.cache
def _plotly_gz() -> str:
    """Return plotly.js, compressed and in Base64: 2 MB instead of 4.8."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


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
    """Return what to know of the search and its noise, a sentence each."""
    if study.best is None:
        return []
    found = describe_replicates(study)
    found += [*describe_noise(study), *describe_scale(study, study.best)]
    sentences = [f"{each[0].upper()}{each[1:]}." for each in found]
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
        "axis": axis_of(ends_of(groups)),
        "less_is_better": less_is_better(study.confirmation),
        "text": verdict_text(study.confirmation),
        "caution": study.problem.caution,
        "json": verdict_of(study.confirmation).to_json(),
    }


def _conditions_json(study: StudyRecord) -> list[dict[str, Any]]:
    """Return the confirmed conditions: what they are, what they draw, how to repeat a run."""
    if study.confirmation is None:
        return []
    stage = study.problem.stages[-1].name
    labels = {p.name: p.label for p in study.confirmation.problem.parameters}
    plans = study.confirmation.info["conditions"]
    return [
        {
            "name": name,
            "settings": ", ".join(
                f"{labels[key]} {short(value)}"
                for key, value in condition.parameters.items()
                if key not in plans[name].get("idle", ())
            ),
            "command": study.confirmation.rerun_command(trial),
            "picture": data_uri(trial.pictures[stage]) if stage in trial.pictures else None,
            "seed": trial.parameters["seed"],
            "films": [
                (film.label, film_of(trial.films[film.name]))
                for film in study.confirmation.problem.films
                if film.name in trial.films and name in study.confirmation.info["pairs"][0]
            ],
        }
        for name, condition in conditions_of(study.confirmation).items()
        for trial in list(condition.trials.values())[:1]
    ]


def _running(study: StudyRecord) -> tuple[str, StudyRecord] | None:
    """Return the part of the study that is under way, and what it is called; None if none is."""
    parts = {
        "confirmation": study.confirmation,
        "the baseline's own search": study.baseline,
        "search" if study.searched else "runs": study,
    }
    for name, part in parts.items():
        if part is not None and part.info["status"] == StudyStatus.RUNNING:
            return name, part
    return None


def _progress(study: StudyRecord) -> dict[str, Any] | None:
    """Return how many trials of the part under way have ended, and the time that is left."""
    running = _running(study)
    if running is None:
        return None
    name, part = running
    plan, left = part.info.get("settings", {}).get("plan", {}), None
    if "num_samples" in plan:
        taken, expected = [t.seconds for t in part.trials], part.info.get("expected_s", ())
        waiting = [t.held_s for t in part.with_status(TrialStatus.PAUSED)]
        left = seconds_left(taken, plan["num_samples"], plan["slots"], expected, waiting)
    return {
        "part": name,
        "ended": sum(t.status in ENDED for t in part.trials),
        "of": plan.get("num_samples", len(part.trials)),
        "left": None if left is None else clock(left),
    }


def _labelled(study: StudyRecord, trial: TrialRecord) -> list[tuple[str, str]]:
    """Return the parameters and objectives of a trial, with labels."""
    problem = study.problem
    settings = [(p.label, f"{short(trial.parameters[p.name])}") for p in problem.parameters]
    metrics = [problem.metric(name) for name in problem.objectives]
    scores = [(axis_title(m), short(trial.metrics[m.name])) for m in metrics]
    return settings + scores
