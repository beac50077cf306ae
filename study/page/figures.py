"""Figures: pure functions of a study's record. Need neither Ray nor torch.

Every mark that stands for a trial carries its id as ``customdata``, by which the page selects it;
what a hover shows is the page's own.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.analysis import search
from study.analysis.comparison import comparisons
from study.analysis.conditions import conditions_of
from study.analysis.inference import Effect
from study.analysis.intervals import mean_of
from study.analysis.search import Importance
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Metric, Parameter
from study.spec.status import TrialStatus

# Okabe and Ito's colours, which the colour-blind can tell apart; shapes differ too
BLUE, ORANGE, GREY, GREEN, PINK = "#0072B2", "#D55E00", "#8A8A8A", "#009E73", "#CC79A7"

STATUS_STYLE: dict[TrialStatus, tuple[str, str]] = {
    TrialStatus.COMPLETED: (BLUE, "circle"),
    TrialStatus.STOPPED: (GREY, "x-thin-open"),
    TrialStatus.INTERRUPTED: (GREEN, "triangle-up-open"),
    TrialStatus.RUNNING: (GREEN, "triangle-up-open"),
    TrialStatus.FAILED: (ORANGE, "square-open"),
}
STATUS_NAME = {TrialStatus.STOPPED: "stopped early"}
STATUS_PATTERN = {TrialStatus.STOPPED: "/", TrialStatus.FAILED: "x"}

STYLES = ((BLUE, "circle"), (ORANGE, "diamond"), (GREEN, "square"), (PINK, "cross"))

LOG_TICKS = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 5)]
LOG_AXIS = {"type": "log", "tickvals": LOG_TICKS, "tickformat": "~g"}

QUALITY_SCALE = "Cividis_r"  # readable by the colour-blind; bright is good


def tradeoff(study: StudyRecord, cost: str | None = None) -> go.Figure:
    """The first objective against a cost: by default the second objective, or the resource.

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
        name = f"within one standard error ({error:.0%}) of the best"
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
    styles = _condition_styles(study.confirmation)
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


def _condition_styles(confirmation: StudyRecord) -> dict[str, tuple[str, str]]:
    """Return the colour and symbol of each condition, the same in all figures."""
    return dict(zip(conditions_of(confirmation), itertools.cycle(STYLES), strict=False))


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the geometric mean, and how far down and up its 95 % t-interval reaches.

    Where a value is 0 (a trial without DIP has a DIP time of 0 s) it is the arithmetic mean alone.
    """
    if min(values) <= 0:
        return statistics.fmean(values), 0.0, 0.0
    found = mean_of([math.log(value) for value in values])
    mean, (low, high) = math.exp(found.value), found.interval()
    return mean, mean - math.exp(low), math.exp(high) - mean


def ratio_marks(effects: Sequence[Effect]) -> dict[str, Any]:
    """Return what all markers of effects share: their ratios along x, with 95 % intervals."""
    return {
        "x": [e.ratio for e in effects],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [e.high - e.ratio for e in effects],
            "arrayminus": [e.ratio - e.low for e in effects],
        },
        "mode": "markers",
    }


def _draw_references(figure: go.Figure, study: StudyRecord, quality: Metric) -> None:
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
    """A band as wide as the noise: two points inside it do not differ in cost."""
    values = [t.metrics[cost.name] for t in study.trials if cost.name in t.metrics]
    floor = study.noise_floor(cost.name)
    if not 0 < floor < math.inf:
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


def fronts(studies: Sequence[StudyRecord]) -> go.Figure:
    """Completed trials of several studies with their fronts, in the first study's objectives."""
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


def confirmed(study: StudyRecord) -> go.Figure:
    """Draw each condition of the confirmation against its baseline, as ratios with intervals.

    Left of 1 the condition has less. The grey band is what counts as equal.
    """
    assert study.confirmation is not None
    figure = go.Figure()
    found = [c for c in comparisons(study.confirmation) if c.effect.n > 1]
    metrics = list(dict.fromkeys(c.metric for c in found))
    pairs = list(dict.fromkeys((c.condition, c.baseline) for c in found))
    styles = _condition_styles(study.confirmation)
    for place, pair in enumerate(pairs):
        colour, symbol = styles[pair[0]]
        if pair[1] != pairs[0][1]:
            symbol += "-open"  # the same condition against another baseline
        mine = [c for c in found if (c.condition, c.baseline) == pair]
        figure.add_scatter(
            **ratio_marks([c.effect for c in mine]),
            y=[metrics.index(c.metric) + (place - (len(pairs) - 1) / 2) * 0.2 for c in mine],
            name=" against ".join(pair),
            marker={"color": colour, "symbol": symbol, "size": 10},
            text=[
                f"{c.metric}: {c.effect.mean:.4g} against {c.effect.baseline_mean:.4g}"
                for c in mine
            ],
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
    figure = finish(figure, "ratio (95 % interval)", "")
    figure.update_xaxes(**LOG_AXIS)
    return figure.update_yaxes(
        tickvals=list(range(len(metrics))),
        ticktext=[_compared_label(study, metric) for metric in metrics],
        autorange="reversed",
        automargin=True,
    )


def _compared_label(study: StudyRecord, metric: str) -> str:
    """``fid at equal time`` → ``FID at equal time``, in two lines if long."""
    name, _, rest = metric.partition(" ")
    words = f"{study.problem.metric(name).label} {rest}".split()
    if sum(map(len, words)) < 18:
        return " ".join(words)
    return " ".join(words[: len(words) // 2]) + "<br>" + " ".join(words[len(words) // 2 :])


def learning_curves(study: StudyRecord) -> go.Figure:
    """The first objective over the resource, a line per trial; the last point says how it ended.
    Rungs, where the scheduler compared trials, are upright lines with the number stopped there."""
    quality = study.problem.metric(study.problem.objectives[0])
    figure = go.Figure()
    for status, (colour, symbol) in STATUS_STYLE.items():
        x: list[Any] = []
        y: list[Any] = []
        ids: list[Any] = []
        ends: list[int] = []
        for trial in study.with_status(status):
            points = [e for e in trial.curve if quality.name in e.metrics]
            if points:
                x += [*(e.resource for e in points), None]  # None: the line breaks off
                y += [*(e.metrics[quality.name] for e in points), None]
                ids += [trial.trial_id] * (len(points) + 1)
                ends.append(len(x) - 2)
        if x:
            last = set(ends)
            figure.add_scatter(
                x=x,
                y=y,
                customdata=ids,
                mode="lines+markers",
                name=STATUS_NAME.get(status, status),
                line={"color": colour, "width": 1.2},
                marker={
                    "symbol": [symbol if i in last else "circle" for i in range(len(x))],
                    "size": [9 if i in last else 3 for i in range(len(x))],
                },
            )
    stopped_at = [t.resource for t in study.with_status(TrialStatus.STOPPED)]
    for place, rung in enumerate(search.rungs(study)):
        count = sum(rung <= resource < rung * 1.5 for resource in stopped_at)
        figure.add_vline(rung, line={"dash": "dash", "width": 1, "color": GREY})
        figure.add_annotation(
            text=f"{count} stopped",
            **{"x": rung, "xanchor": "left", "y": 1, "yref": "paper", "showarrow": False},
            yshift=-14 * place,  # rungs can be close to each other
        )
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, study.problem.resource, axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def history(study: StudyRecord) -> go.Figure:
    """The first objective of completed trials in the order in which they ended, and the best."""
    name, direction = study.problem.objectives[0], study.problem.directions[0]
    quality = study.problem.metric(name)
    complete = sorted(study.with_status(TrialStatus.COMPLETED), key=lambda t: t.curve[-1].elapsed_s)
    figure = go.Figure()
    minutes = [t.curve[-1].elapsed_s / 60 for t in complete]
    values = [t.metrics[name] for t in complete]
    figure.add_scatter(
        x=minutes,
        y=values,
        mode="markers",
        name="completed",
        customdata=[t.trial_id for t in complete],
        marker={"color": BLUE, "size": 9},
    )
    figure.add_scatter(
        x=minutes,
        y=search.best_so_far(values, direction),
        mode="lines",
        name="best so far",
        line={"color": ORANGE, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, "minutes since the start", axis_title(quality))
    return figure.update_yaxes(**LOG_AXIS)


def hypervolume(study: StudyRecord) -> go.Figure:
    """The share of the objectives' space that the front so far dominates."""
    grown = search.hypervolume(study)
    figure = go.Figure()
    figure.add_scatter(
        x=[t.curve[-1].elapsed_s / 60 for t, _ in grown],
        y=[volume for _, volume in grown],
        mode="lines+markers",
        customdata=[t.trial_id for t, _ in grown],
        line={"color": BLUE, "width": 2, "shape": "hv"},
        showlegend=False,
    )
    labels = [study.problem.metric(name).label for name in study.problem.searched_objectives[:2]]
    figure = finish(figure, "minutes since the start", f"hypervolume ({', '.join(labels)})")
    return figure.update_yaxes(range=[0, 1.05])


def rank_correlation(study: StudyRecord) -> go.Figure:
    """How well an evaluation tells the final order: what stopping early rests on."""
    found = search.rank_correlations(study)
    figure = go.Figure()
    figure.add_scatter(
        x=[resource for resource, _, _ in found],
        y=[coefficient for _, coefficient, _ in found],
        text=[f"{trials} completed trials" for _, _, trials in found],
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        hovertemplate="%{x}: %{y:.2f}, %{text}<extra></extra>",
        showlegend=False,
    )
    for rung in search.rungs(study):
        figure.add_vline(rung, line={"dash": "dash", "width": 1, "color": GREY})
    figure = finish(figure, study.problem.resource, "rank correlation with the end")
    return figure.update_yaxes(range=[min([0.0, *(c for _, c, _ in found)]) - 0.05, 1.05])


def timeline(study: StudyRecord) -> go.Figure:
    """When each trial ran, on which slot of which node."""
    figure = go.Figure()
    placements = search.placements(study)
    lanes = search.lanes(placements)
    heights = {lane: height for height, lane in enumerate(sorted(set(lanes)), 1)}
    for status, (colour, _) in STATUS_STYLE.items():
        shown = [(s, heights[lane]) for s, lane in zip(placements, lanes, strict=True)]
        shown = [
            (placement, height) for placement, height in shown if placement.trial.status == status
        ]
        if shown:
            figure.add_bar(
                x=[(placement.ended_s - placement.began_s) / 60 for placement, _ in shown],
                base=[placement.began_s / 60 for placement, _ in shown],
                y=[height for _, height in shown],
                orientation="h",
                customdata=[placement.trial.trial_id for placement, _ in shown],
                text=[place_name("", placement.gpus) for placement, _ in shown],
                name=STATUS_NAME.get(status, status),
                marker={
                    "color": colour,
                    "line": {"color": "rgba(255,255,255,0.8)", "width": 1},
                    "pattern": {"shape": STATUS_PATTERN.get(status, "")},
                },
            )
    figure.update_layout(barmode="overlay", hovermode="closest", clickmode="event")
    figure = finish(figure, "minutes since the start", "slot")
    names = [f"{node} {lane + 1}".strip() for node, lane in heights]
    ticks = {"tickvals": list(heights.values()), "ticktext": names, "automargin": True}
    return figure.update_yaxes(autorange="reversed", **ticks)


def place_name(node: str, gpus: str) -> str:
    """Of a node and the numbers of its GPUs, as far as they are known."""
    return " ".join(filter(None, (node, gpus and f"GPU {gpus}")))


def importance(study: StudyRecord, found: Sequence[Importance] | None = None) -> go.Figure:
    """The share of each target's variance that each parameter explains (fANOVA)."""
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
    """The first objective against each parameter alone."""
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
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, "", "")
    figure.update_yaxes(**LOG_AXIS).update_yaxes(title_text=axis_title(quality), col=1)
    for column, parameter in enumerate(parameters, 1):
        figure.update_xaxes(**_parameter_axis(parameter), col=column)
    return figure


def pairs(study: StudyRecord) -> go.Figure:
    """Completed trials by two parameters at a time; the colour is the rank, bright is good."""
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
        figure.update_xaxes(**_parameter_axis(across), **at)
        figure.update_yaxes(**_parameter_axis(up), **at)
    figure.update_layout(hovermode="closest", clickmode="event")
    return finish(figure, None, None)


def parallel(study: StudyRecord) -> go.Figure:
    """Completed trials as lines through their parameters and objectives; drag along an axis to
    single some out."""
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
    """An axis of the parallel coordinates, which know neither logarithms nor names."""
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
    low, high = math.log10(min(values)), math.log10(max(values))
    ticks = [t for t in LOG_TICKS if low - 0.01 <= math.log10(t) <= high + 0.01]
    return {
        "label": label,
        "values": [math.log10(value) for value in values],
        "tickvals": [math.log10(tick) for tick in ticks],
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _parameter_axis(parameter: Parameter) -> dict[str, Any]:
    """Title and ticks, few enough for a small plot."""
    axis = {"title_text": parameter.label, "title_standoff": 6, "automargin": True}
    if parameter.log and parameter.high > 30 * parameter.low:  # else decades alone say too little
        decades = [tick for tick in LOG_TICKS if f"{tick:e}".startswith("1")]
        return {**axis, **LOG_AXIS, "tickvals": decades}
    return {**axis, **(LOG_AXIS if parameter.log else {})}


def axis_title(metric: Metric) -> str:
    return f"{metric.label} ({metric.unit})" if metric.unit else metric.label


def costs(study: StudyRecord) -> list[Metric]:
    """What the trade-off can be drawn against: the second objective first, then other times."""
    problem = study.problem
    names = [*problem.objectives[1:2]]
    names += [m.name for m in problem.metrics if m.unit == "s" and m.goal]
    return [problem.metric(name) for name in dict.fromkeys(names)] or [_cost_axis(study, None)]


def _cost_axis(study: StudyRecord, name: str | None) -> Metric:
    """By default the second objective; with one alone, what a trial has spent of the resource."""
    problem = study.problem
    if name is None and len(problem.objectives) > 1:
        name = problem.objectives[1]
    if name is None or name == problem.resource:
        return Metric(problem.resource, problem.resource)
    return problem.metric(name)


def _value(trial: TrialRecord, metric: Metric) -> Any:
    return trial.metrics.get(metric.name, trial.resource)


def _has(trial: TrialRecord, quality: Metric, cost: Metric) -> bool:
    is_metric = cost.name in trial.metrics or cost.goal is None
    return quality.name in trial.metrics and is_metric


def _points(trials: list[TrialRecord], quality: Metric, cost: Metric) -> dict[str, Any]:
    """What all traces of trials share: place and identity."""
    return {
        "x": [_value(trial, cost) for trial in trials],
        "y": [trial.metrics[quality.name] for trial in trials],
        "customdata": [trial.trial_id for trial in trials],
        "hoverinfo": "none",
    }


def finish(figure: go.Figure, x: str | None, y: str | None) -> go.Figure:
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
    figure.update_xaxes(**grid).update_yaxes(**grid)
    if x is not None:
        figure.update_xaxes(title_text=x)
    if y is not None:
        figure.update_yaxes(title_text=y)
    return figure
