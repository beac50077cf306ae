"""Figures of the parameters: how much each matters, and where the good settings lie."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.analysis import search
from study.analysis.ablation import Profile, profiles
from study.analysis.search import Importance
from study.page.figure_style import (
    GREY,
    LOG_AXIS,
    ORANGE,
    QUALITY_SCALE,
    STATUS_NAME,
    STATUS_STYLE,
    STYLES,
    axis_title,
    finish,
    translucent,
)
from study.results.records import StudyRecord
from study.spec.problem import Parameter
from study.spec.status import TrialStatus


def importance(study: StudyRecord, found: Sequence[Importance] | None = None) -> go.Figure:
    """Draw the share of each target's variance that each parameter explains (fANOVA)."""
    found = search.importances(study) if found is None else found
    figure = go.Figure()
    labels = {p.name: p.label for p in study.problem.parameters}
    for target, (colour, _) in zip(found, itertools.cycle(STYLES), strict=False):
        names = sorted(target.shares, key=lambda name: target.shares[name])
        figure.add_bar(
            x=[target.shares[name] for name in names],
            y=[labels[name] for name in names],
            orientation="h",
            name=f"{target.target} ({target.trials} trials)",
            marker={"color": colour},
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    figure = finish(figure, "share of the variance", "")
    return figure.update_xaxes(range=[0, 1], tickformat=".0%").update_yaxes(automargin=True)


def slices(study: StudyRecord) -> go.Figure:
    """Draw the first objective against each parameter alone.

    The line with a band is the model's quality with the other parameters as in the best trial.
    """
    quality = study.problem.metric(study.problem.objectives[0])
    parameters = study.problem.parameters
    figure = make_subplots(1, len(parameters), shared_yaxes=True, horizontal_spacing=0.02)
    for column, parameter in enumerate(parameters, 1):
        for status, (colour, symbol) in STATUS_STYLE.items():
            trials = [t for t in study.with_status(status) if quality.name in t.metrics]
            if trials:
                figure.add_scatter(
                    x=[t.parameters[parameter.name] for t in trials],
                    y=[t.metrics[quality.name] for t in trials],
                    customdata=[t.trial_id for t in trials],
                    mode="markers",
                    name=STATUS_NAME.get(status, status),
                    legendgroup=status,
                    showlegend=column == 1,
                    marker={"color": colour, "symbol": symbol, "size": 8},
                    row=1,
                    col=column,
                )
    for profile in profiles(study):
        _draw_profile(figure, profile, parameters.index(profile.parameter) + 1)
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, "", "")
    figure.update_yaxes(**LOG_AXIS).update_yaxes(title_text=axis_title(quality), col=1)
    for column, parameter in enumerate(parameters, 1):
        figure.update_xaxes(**_parameter_axis(study, parameter), col=column)
    return figure


def _draw_profile(figure: go.Figure, profile: Profile, column: int) -> None:
    """Draw the model's means over a parameter, with their 95 % band."""
    shared = {"legendgroup": "model", "hoverinfo": "skip", "mode": "lines"}
    place = {"row": 1, "col": column}
    figure.add_scatter(
        x=[*profile.values, *reversed(profile.values)],
        y=[*profile.high, *reversed(profile.low)],
        fill="toself",
        fillcolor=translucent(ORANGE, 0.2),
        line={"width": 0},
        showlegend=False,
        **shared,
        **place,
    )
    figure.add_scatter(
        x=profile.values,
        y=profile.quality,
        name="model, others as in the best trial (95 %)",
        showlegend=column == 1,
        line={"color": ORANGE, "width": 2},
        **shared,
        **place,
    )


def pairs(study: StudyRecord) -> go.Figure:
    """Draw completed trials by two parameters at a time; the colour is the rank, bright is good."""
    quality = study.problem.metric(study.problem.objectives[0])
    sign = 1 if quality.goal == "min" else -1
    complete = sorted(
        study.with_status(TrialStatus.COMPLETED),
        key=lambda t: sign * float(t.metrics[quality.name]),
    )
    couples = list(itertools.combinations(study.problem.parameters, 2))
    columns = min(3, len(couples)) or 1
    rows = max(1, math.ceil(len(couples) / columns))
    figure = make_subplots(rows, columns, horizontal_spacing=0.09, vertical_spacing=0.22 / rows)
    for place, (across, up) in enumerate(couples):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        bar = {"title": "rank", "thickness": 12} if place == 0 else None
        figure.add_scatter(
            x=[t.parameters[across.name] for t in complete],
            y=[t.parameters[up.name] for t in complete],
            customdata=[t.trial_id for t in complete],
            mode="markers",
            showlegend=False,
            marker={
                "color": list(range(1, len(complete) + 1)),
                "colorscale": QUALITY_SCALE,
                "showscale": place == 0,
                "colorbar": bar,
                "size": 11,
                "line": {"width": 1, "color": GREY},
            },
            **at,
        )
        figure.update_xaxes(**_parameter_axis(study, across), **at)
        figure.update_yaxes(**_parameter_axis(study, up), **at)
    figure.update_layout(hovermode="closest", clickmode="event")
    return finish(figure, None, None)


def parallel(study: StudyRecord) -> go.Figure:
    """Draw completed trials as lines through their parameters and objectives.

    Dragging along an axis singles some out.
    """
    complete = study.with_status(TrialStatus.COMPLETED)
    quality = study.problem.metric(study.problem.objectives[0])
    columns = [
        (p.label, [t.parameters[p.name] for t in complete], p.log) for p in study.problem.parameters
    ] + [
        (study.problem.metric(name).label, [t.metrics[name] for t in complete], True)
        for name in study.problem.objectives
    ]
    figure = go.Figure()
    if complete:
        scores = [math.log10(max(t.metrics[quality.name], 1e-12)) for t in complete]
        figure.add_parcoords(
            dimensions=[_dimension(*column) for column in columns],
            line={"color": scores, "colorscale": QUALITY_SCALE},
        )
    figure = finish(figure, None, None)
    return figure.update_layout(margin={"t": 60, "l": 70, "r": 70})


def _dimension(label: str, values: list[Any], log: bool) -> dict[str, Any]:
    """Return an axis of the parallel coordinates, which know neither logarithms nor names."""
    if any(isinstance(value, str) for value in values):
        names = sorted(set(values))
        return {
            "label": label,
            "values": [names.index(value) for value in values],
            "tickvals": list(range(len(names))),
            "ticktext": names,
        }
    if not log or min(values) <= 0:
        return {"label": label, "values": values}
    ticks = _round_values(min(values), max(values))
    return {
        "label": label,
        "values": [math.log10(value) for value in values],
        "tickvals": [math.log10(tick) for tick in ticks],
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _round_values(low: float, high: float) -> list[float]:
    """Return three round values or more from ``low`` to ``high``, both above 0, for a log axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        values = [digit * 10.0**power for power in decades for digit in digits]
        inside = [value for value in values if low * 0.98 <= value <= high * 1.02]
        if len(inside) >= 3:
            return inside
    if low == high:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / 4))  # 4 to 40 steps
    step *= next(m for m in (1, 2, 5) if (high - low) / (m * step) <= 8)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _parameter_axis(study: StudyRecord, parameter: Parameter) -> dict[str, Any]:
    """Return the title, the range and the ticks of a parameter's axis.

    The range is the one that is searched, so that trials at its edges can be seen to be there. The
    ticks are few enough for a small plot.
    """
    axis = {"title_text": parameter.label, "title_standoff": 6, "automargin": True}
    if study.searched and not parameter.choices:
        scale = math.log10 if parameter.log else float
        low, high = scale(parameter.low), scale(parameter.high)
        margin = 0.04 * (high - low)  # room for the marks at the ends
        axis["range"] = [low - margin, high + margin]
    if parameter.log and parameter.high > 30 * parameter.low:  # else decades alone say too little
        return {**axis, **LOG_AXIS, "dtick": 1}
    return {**axis, **(LOG_AXIS if parameter.log else {})}
