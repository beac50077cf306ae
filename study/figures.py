"""Figures: pure functions of a study's record. Needs neither Ray nor torch."""

import itertools
import math
import statistics
from typing import Any

import plotly.graph_objects as go

from study.description import Metric
from study.records import Status, StudyRecord, TrialRecord
from study.verdict import comparisons

# Okabe and Ito's colours, which the colour-blind can tell apart; shapes differ too
BLUE, ORANGE, GREY, GREEN = "#0072B2", "#D55E00", "#8A8A8A", "#009E73"

STATUS_STYLE: dict[Status, tuple[str, str]] = {
    "completed": (BLUE, "circle"),
    "stopped": (GREY, "x-thin-open"),
    "interrupted": (GREEN, "triangle-up-open"),
    "running": (GREEN, "triangle-up-open"),
    "failed": (ORANGE, "square-open"),
}

PAIR_STYLES = ((BLUE, "circle"), (ORANGE, "diamond"), (GREEN, "square"), (GREY, "cross"))

LOG_AXIS = {
    "type": "log",
    "tickvals": [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)],
    "tickformat": "~g",
}


def tradeoff(study: StudyRecord) -> go.Figure:
    """The first objective against the second (or against the resource, with one objective).

    The front is drawn through completed trials; trials that ended early are there, but apart, with
    the score of the budget they had. Every point carries its trial's id as ``customdata``.
    """
    quality = study.description.metric(study.description.objectives[0])
    cost = _cost_axis(study)
    figure = go.Figure()
    for status, (colour, symbol) in STATUS_STYLE.items():
        trials = [t for t in study.with_status(status) if _has(t, quality, cost)]
        if trials:
            size = 9 if status == "completed" else 8
            marker = {"color": colour, "symbol": symbol, "size": size, "line": {"width": 2}}
            figure.add_scatter(
                **_points(study, trials, quality, cost),
                mode="markers",
                name=status if status != "stopped" else "stopped early",
                marker=marker | ({"line": {"width": 0}} if status == "completed" else {}),
            )
    front = [trial for trial in study.front if _has(trial, quality, cost)]
    if front:
        figure.add_scatter(
            **_points(study, front, quality, cost),
            mode="lines+markers",
            name="Pareto front",
            line={"color": ORANGE, "width": 2, "shape": "hv"},
            marker={"color": ORANGE, "symbol": "diamond", "size": 12},
        )
    for name in quality.references:
        value = next((t.metrics[name] for t in study.trials if name in t.metrics), None)
        if isinstance(value, float):
            figure.add_hline(value, line={"dash": "dot", "width": 1, "color": GREEN})
            figure.add_annotation(
                text=study.description.metric(name).label,
                **{"x": 1, "xref": "paper", "xanchor": "right", "showarrow": False},
                **{"y": math.log10(value), "yanchor": "bottom"},  # annotations count in decades
            )
    _draw_noise(figure, study, cost)
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = _finish(figure, axis_title(cost), axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def _draw_noise(figure: go.Figure, study: StudyRecord, cost: Metric) -> None:
    """A band as wide as the noise: two points inside it do not differ in cost."""
    floor = study.noise_floor(cost.name) if cost.name in study.description.objectives else 0.0
    values = [t.metrics[cost.name] for t in study.trials if cost.name in t.metrics]
    if not values or not 0 < floor < math.inf:
        return
    middle, half = statistics.median(values), math.sqrt(1 + floor)
    figure.add_vrect(middle / half, middle * half, fillcolor=GREY, opacity=0.15, line_width=0)
    figure.add_annotation(
        text=f"noise: ±{50 * floor:.0f} %",
        x=middle,
        y=1,
        yref="paper",
        yanchor="top",
        showarrow=False,
    )


def learning_curves(study: StudyRecord) -> go.Figure:
    """The first objective over the resource, a line per trial; the last point says how it ended."""
    quality = study.description.metric(study.description.objectives[0])
    figure = go.Figure()
    best = study.best
    for trial in study.trials:
        points = [e for e in trial.curve if quality.name in e.metrics]
        if not points:
            continue
        colour, symbol = STATUS_STYLE[trial.status]
        is_best = best is not None and trial.trial_id == best.trial_id
        figure.add_scatter(
            x=[e.resource for e in points],
            y=[e.metrics[quality.name] for e in points],
            mode="lines+markers",
            line={"color": ORANGE if is_best else colour, "width": 3 if is_best else 1.2},
            marker={
                "symbol": ["circle"] * (len(points) - 1) + [symbol],
                "size": [3] * (len(points) - 1) + [9],
            },
            customdata=[trial.trial_id] * len(points),
            name=f"trial {trial.number}",
            hovertemplate=(
                f"{_hover(study, trial)}<br>{study.description.resource} %{{x}}: "
                f"{quality.label} %{{y:.4g}}<extra></extra>"
            ),
            showlegend=False,
        )
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = _finish(figure, study.description.resource, axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def confirmed(study: StudyRecord) -> go.Figure:
    """What each arm of the confirmation has to its baseline, as ratios with 95 % intervals.

    Left of 1 the arm has less. The grey band is what counts as equal.
    """
    assert study.confirmation is not None
    figure = go.Figure()
    found = [c for c in comparisons(study.confirmation) if c.n > 1]
    metrics = list(dict.fromkeys(c.metric for c in found))
    pairs = list(dict.fromkeys((c.arm, c.baseline) for c in found))
    styles = zip(pairs, itertools.cycle(PAIR_STYLES), strict=False)
    for place, (pair, (colour, symbol)) in enumerate(styles):
        mine = [c for c in found if (c.arm, c.baseline) == pair]
        figure.add_scatter(
            x=[c.ratio for c in mine],
            y=[metrics.index(c.metric) + (place - (len(pairs) - 1) / 2) * 0.2 for c in mine],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [c.high - c.ratio for c in mine],
                "arrayminus": [c.ratio - c.low for c in mine],
            },
            mode="markers",
            name=" against ".join(pair),
            marker={"color": colour, "symbol": symbol, "size": 10},
            text=[f"{c.metric}: {c.mean:.4g} against {c.baseline_mean:.4g}" for c in mine],
            hovertemplate="%{text}<br>ratio %{x:.3f}<extra></extra>",
        )
    for row, metric in enumerate(metrics):
        margin = max(c.margin for c in found if c.metric == metric)
        figure.add_shape(
            type="rect",
            **{"x0": 1 / (1 + margin), "x1": 1 + margin, "y0": row - 0.45, "y1": row + 0.45},
            **{"fillcolor": GREY, "opacity": 0.25, "line_width": 0, "layer": "below"},
        )
    figure.add_vline(1, line={"width": 1, "color": GREY})
    figure = _finish(figure, "ratio to the baseline (95 % interval)", "")
    figure.update_xaxes(**LOG_AXIS)
    figure.update_layout(margin={"l": 190})
    return figure.update_yaxes(
        tickvals=list(range(len(metrics))),
        ticktext=[_compared_label(study, metric) for metric in metrics],
        autorange="reversed",
    )


def _compared_label(study: StudyRecord, metric: str) -> str:
    """``fid at equal time`` → ``FID at equal time``."""
    name, _, rest = metric.partition(" ")
    return f"{study.description.metric(name).label} {rest}".strip()


def axis_title(metric: Metric) -> str:
    return f"{metric.label} ({metric.unit})" if metric.unit else metric.label


def _cost_axis(study: StudyRecord) -> Metric:
    """The second objective; with one alone, what a trial has spent of the resource."""
    objectives = study.description.objectives
    if len(objectives) > 1:
        return study.description.metric(objectives[1])
    return Metric(study.description.resource, study.description.resource)


def _value(trial: TrialRecord, metric: Metric) -> Any:
    return trial.metrics.get(metric.name, trial.resource)


def _has(trial: TrialRecord, quality: Metric, cost: Metric) -> bool:
    return quality.name in trial.metrics and _value(trial, cost) is not None


def _points(
    study: StudyRecord, trials: list[TrialRecord], quality: Metric, cost: Metric
) -> dict[str, Any]:
    """What all traces of trials share: place, identity and what a hover says."""
    return {
        "x": [_value(trial, cost) for trial in trials],
        "y": [trial.metrics[quality.name] for trial in trials],
        "customdata": [trial.trial_id for trial in trials],
        "text": [_hover(study, trial) for trial in trials],
        "hovertemplate": (
            f"%{{text}}<br>{quality.label} %{{y:.4g}}<br>{axis_title(cost)} %{{x:.4g}}"
            "<extra></extra>"
        ),
    }


def _hover(study: StudyRecord, trial: TrialRecord) -> str:
    settings = "<br>".join(
        f"{p.label} {trial.parameters[p.name]:.3g}" for p in study.description.parameters
    )
    ended = f"{trial.status} at {study.description.resource} {trial.resource}"
    return f"<b>trial {trial.number}</b> ({trial.trial_id}), {ended}<br>{settings}"


def _finish(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        template="none",
        margin={"l": 60, "r": 16, "t": 36, "b": 52},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    grid = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False}
    figure.update_xaxes(title_text=x, **grid)
    return figure.update_yaxes(title_text=y, **grid)
