"""Figures of the trade-off between the first objective and a cost, of one study or of several."""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from study.analysis import search
from study.analysis.conditions import conditions_of
from study.page.figure_style import (
    GREEN,
    GREY,
    LOG_AXIS,
    ORANGE,
    PINK,
    STATUS_NAME,
    STATUS_STYLE,
    STYLES,
    axis_title,
    condition_styles,
    finish,
    interval,
)
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Metric
from study.spec.status import TrialStatus


def tradeoff(study: StudyRecord, cost: str | None = None) -> go.Figure:
    """Draw the first objective against a cost: by default the second objective, or the resource.

    The front is drawn through completed trials; trials that ended early are there, but apart, with
    the score of the budget they had. Confirmed settings have 95 % intervals over their seeds.
    """
    quality = study.problem.metric(study.problem.objectives[0])
    axis = _cost_axis(study, cost)
    figure = go.Figure()
    for status, (colour, symbol) in STATUS_STYLE.items():
        trials = [t for t in study.with_status(status) if _has(t, quality, axis)]
        if trials:
            width = 0 if status == TrialStatus.COMPLETED else 2
            figure.add_scatter(
                **_points(trials, quality, axis),
                mode="markers",
                name=STATUS_NAME.get(status, status),
                marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": width}},
            )
    front = [trial for trial in study.front if _has(trial, quality, axis)]
    if front:
        figure.add_scatter(
            **_points(front, quality, axis),
            mode="lines+markers",
            name="Pareto front",
            line={"color": ORANGE, "width": 2, "shape": "hv"},
            marker={"color": ORANGE, "symbol": "diamond", "size": 12},
        )
    as_good = [t for t in search.as_good_as_the_best(study) if _has(t, quality, axis)]
    if as_good:
        error = search.standard_error(study)
        ring = {"color": PINK, "symbol": "circle-open", "size": 16, "line": {"width": 2}}
        name = f"within the scatter over seeds ({error:.0%}) of the best"
        figure.add_scatter(
            **_points(as_good, quality, axis), mode="markers", name=name, marker=ring
        )
    if (middle := search.knee(study, axis)) is not None:
        star = {"color": GREEN, "symbol": "star", "size": 15}
        figure.add_scatter(
            **_points([middle], quality, axis), mode="markers", name="knee", marker=star
        )
    _draw_confirmed(figure, study, quality, axis)
    _draw_references(figure, study, quality)
    _draw_noise(figure, study, axis)
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, axis_title(axis), axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def _draw_confirmed(figure: go.Figure, study: StudyRecord, quality: Metric, axis: Metric) -> None:
    """Draw each condition of the confirmation at its means, with intervals over its seeds."""
    if study.confirmation is None:
        return
    styles = condition_styles(study.confirmation)
    for name, condition in conditions_of(study.confirmation).items():
        colour, symbol = styles[name]
        runs = [t for t in condition.trials.values() if _has(t, quality, axis)]
        if len(runs) < 2:
            continue
        (x, *x_errors), (y, *y_errors) = (
            interval([_value(t, metric) for t in runs]) for metric in (axis, quality)
        )
        errors = {
            name: {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down]}
            for name, (down, up) in {"error_x": x_errors, "error_y": y_errors}.items()
        }
        marker = {"color": colour, "symbol": f"{symbol}-open", "size": 12, "line": {"width": 3}}
        text = f"{name}, {len(runs)} seeds<br>{axis.label} {x:.3g}<br>{quality.label} {y:.3g}"
        figure.add_scatter(
            x=[x],
            y=[y],
            **errors,
            mode="markers",
            name=f"confirmed: {name}",
            marker=marker,
            hovertemplate=f"{text}<extra></extra>",
        )


def _draw_references(figure: go.Figure, study: StudyRecord, quality: Metric) -> None:
    """Draw a line at each value that the quality is to be read against."""
    for name in quality.references:
        value = next((t.metrics[name] for t in study.trials if name in t.metrics), None)
        if isinstance(value, float) and value > 0:
            figure.add_hline(value, line={"dash": "dot", "width": 1, "color": GREEN})
            figure.add_annotation(
                text=study.problem.metric(name).label,
                **{"x": 1, "xref": "paper", "xanchor": "right", "showarrow": False},
                **{"y": math.log10(value), "yanchor": "bottom"},  # annotations count in decades
            )


def _draw_noise(figure: go.Figure, study: StudyRecord, cost: Metric) -> None:
    """Draw a band as wide as the noise: two points inside it do not differ in cost."""
    values = [t.metrics[cost.name] for t in study.trials if cost.name in t.metrics]
    floor = study.noise_floor(cost.name)
    if not 0 < floor < math.inf:
        return
    middle, half = statistics.median(values), math.sqrt(1 + floor)
    figure.add_vrect(middle / half, middle * half, fillcolor=GREY, opacity=0.15, line_width=0)
    figure.add_annotation(
        text=f"noise: within {floor:.0%} equal",
        x=middle,
        y=1,
        yref="paper",
        yanchor="top",
        showarrow=False,
    )


def fronts(studies: Sequence[StudyRecord]) -> go.Figure:
    """Draw the completed trials and fronts of several studies, in the first study's objectives."""
    quality = studies[0].problem.metric(studies[0].problem.objectives[0])
    axis = _cost_axis(studies[0], None)
    figure = go.Figure()
    for study, (colour, symbol) in zip(studies, itertools.cycle(STYLES), strict=False):
        complete = [t for t in study.with_status(TrialStatus.COMPLETED) if _has(t, quality, axis)]
        names = [f"{study.name}, trial {t.number}" for t in complete]
        figure.add_scatter(
            **{**_points(complete, quality, axis), "hoverinfo": "text+x+y", "text": names},
            mode="markers",
            name=study.name,
            marker={"color": colour, "symbol": symbol, "size": 9},
        )
        front = [t for t in study.front if _has(t, quality, axis)]
        if front:
            figure.add_scatter(
                **{**_points(front, quality, axis), "hoverinfo": "skip"},
                mode="lines",
                showlegend=False,
                line={"color": colour, "width": 2, "shape": "hv"},
            )
    figure = finish(figure, axis_title(axis), axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def costs(study: StudyRecord) -> list[Metric]:
    """Return what the trade-off can be drawn against: the second objective, then other times."""
    problem = study.problem
    names = [*problem.objectives[1:2]]
    names += [m.name for m in problem.metrics if m.unit == "s" and m.goal]
    return [problem.metric(name) for name in dict.fromkeys(names)] or [_cost_axis(study, None)]


def _cost_axis(study: StudyRecord, name: str | None) -> Metric:
    """Return the named cost; by default the second objective, or else the resource spent."""
    problem = study.problem
    if name is None and len(problem.objectives) > 1:
        name = problem.objectives[1]
    if name is None or name == problem.resource:
        return Metric(problem.resource, problem.resource)
    return problem.metric(name)


def _value(trial: TrialRecord, metric: Metric) -> Any:
    """Return a trial's metric, or what it has spent of the resource."""
    return trial.metrics.get(metric.name, trial.resource)


def _has(trial: TrialRecord, quality: Metric, cost: Metric) -> bool:
    """Return whether a trial has both coordinates."""
    is_metric = cost.name in trial.metrics or cost.goal is None
    return quality.name in trial.metrics and is_metric


def _points(trials: list[TrialRecord], quality: Metric, cost: Metric) -> dict[str, Any]:
    """Return what all traces of trials share: place and identity."""
    return {
        "x": [_value(trial, cost) for trial in trials],
        "y": [trial.metrics[quality.name] for trial in trials],
        "customdata": [trial.trial_id for trial in trials],
        "hoverinfo": "none",
    }
