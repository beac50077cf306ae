"""Figures of what the search's model says: what each change bought, and what decides quality."""

import math

import plotly.graph_objects as go

from study.analysis.ablation import Ablation, ablation, profiles
from study.analysis.conditions import judged_with
from study.analysis.response import Factor, response
from study.page.figure_style import (
    BLUE,
    GREEN,
    GREY,
    LOG_AXIS,
    ORANGE,
    axis_title,
    finish,
    interval,
)
from study.page.numbers import short
from study.results.records import StudyRecord
from study.spec.problem import Metric


def waterfall(study: StudyRecord) -> go.Figure | None:
    """Draw the ablation: a bar per change, from the quality before it to the one after it.

    The line at a bar's end is the 95 % interval of the change. What the confirmation measured at
    both ends of the way stands beside the model's estimates.
    """
    found = ablation(study)
    if found is None:
        return None
    quality = study.problem.metric(study.problem.objectives[0])
    figure = go.Figure()
    _draw_changes(figure, found, quality)
    last = len(found.changes) + 1
    end = found.changes[-1].quality if found.changes else found.start
    figure.add_scatter(
        x=[found.start, end],
        y=[0, last],
        mode="markers",
        name="model",
        marker={"color": GREY, "symbol": "line-ns-open", "size": 18, "line": {"width": 3}},
        hovertemplate="%{x:.3g}<extra></extra>",
    )
    _draw_measured(figure, study, last)
    labels = [
        study.problem.reference_label.capitalize(),
        *(
            f"{c.parameter.label} {short(c.before)} → {short(c.after)}<br>{_times(c.factor)}"
            for c in found.changes
        ),
        f"The best setting<br>{_times(found.whole)}",
    ]
    better = "lower" if quality.goal == "min" else "higher"
    figure = finish(figure, f"{axis_title(quality)} ({better} is better)", "")
    figure.update_layout(barmode="overlay", hovermode="closest")
    figure.update_xaxes(**LOG_AXIS)
    ticks = list(range(len(labels)))
    return figure.update_yaxes(
        tickvals=ticks, ticktext=labels, range=[last + 0.6, -0.6], automargin=True, showgrid=False
    )


def _draw_changes(figure: go.Figure, found: Ablation, quality: Metric) -> None:
    """Draw a bar per change, coloured by what it surely does."""
    befores = [found.start, *(c.quality for c in found.changes)]
    steps = list(enumerate(zip(befores, found.changes, strict=False), 1))
    for name, colour in (("better", BLUE), ("worse", ORANGE), ("no sure change", GREY)):
        mine = [step for step in steps if _effect(step[1][1].factor, quality) == name]
        if not mine:
            continue
        ends = [change.quality for _, (_, change) in mine]
        figure.add_bar(
            y=[row for row, _ in mine],
            base=[before for _, (before, _) in mine],
            x=[end - before for end, (_, (before, _)) in zip(ends, mine, strict=True)],
            orientation="h",
            width=0.5,
            name=name,
            marker={"color": colour, "opacity": 0.35},
            hovertemplate=[f"{_times(change.factor)}<extra></extra>" for _, (_, change) in mine],
        )
        figure.add_scatter(
            x=ends,
            y=[row for row, _ in mine],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [before * c.factor.high - c.quality for _, (before, c) in mine],
                "arrayminus": [c.quality - before * c.factor.low for _, (before, c) in mine],
            },
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={"color": colour, "size": 8},
        )


def _draw_measured(figure: go.Figure, study: StudyRecord, last: int) -> None:
    """Draw what the confirmation measured of the reference and of the best setting."""
    ends = ((0, study.problem.reference), (last, study.best.parameters if study.best else None))
    name, rows = study.problem.objectives[0], []
    for row, point in ends:
        judged = judged_with(study.confirmation, point) if study.confirmation and point else None
        values = [t.metrics[name] for t in judged.trials.values()] if judged else []
        if len(values) > 1:
            rows.append((row, *interval(values)))
    if rows:
        figure.add_scatter(
            x=[middle for _, middle, _, _ in rows],
            y=[row + 0.25 for row, *_ in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [up for *_, up in rows],
                "arrayminus": [down for _, _, down, _ in rows],
            },
            mode="markers",
            name="measured with fresh seeds",
            marker={"color": GREEN, "symbol": "diamond", "size": 10},
            hovertemplate="%{x:.3g}<extra></extra>",
        )


def sensitivity(study: StudyRecord) -> go.Figure | None:
    """Draw by what the quality changes over each parameter's range, with 95 % intervals."""
    found = profiles(study)
    if not found:
        return None
    figure = go.Figure()
    figure.add_scatter(
        x=[p.spread.ratio for p in found],
        y=list(range(len(found))),
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [p.spread.high - p.spread.ratio for p in found],
            "arrayminus": [p.spread.ratio - p.spread.low for p in found],
        },
        mode="markers",
        marker={"color": BLUE, "size": 10},
        hovertemplate=[f"{_times(p.spread)}<extra></extra>" for p in found],
        showlegend=False,
    )
    figure.add_vline(1, line={"width": 1, "color": GREY})
    quality = study.problem.metric(study.problem.objectives[0])
    figure = finish(figure, f"{quality.label} at the worst value over that at the best", "")
    highest = max(p.spread.high for p in found)
    lowest = min(1.0, *(p.spread.low for p in found))
    figure.update_xaxes(
        **LOG_AXIS, range=[math.log10(lowest / 1.1), math.log10(max(2.0, highest) * 1.1)]
    )
    return figure.update_yaxes(
        tickvals=list(range(len(found))),
        ticktext=[f"{p.parameter.label}<br>{_times(p.spread)}" for p in found],
        autorange="reversed",
        automargin=True,
    )


def describe_decisive(study: StudyRecord) -> str:
    """Return which settings change the quality, by the model, most first; empty without a model."""
    found = profiles(study)
    if not found:
        return ""
    label = study.problem.metric(study.problem.objectives[0]).label
    sure = [f"{p.parameter.label} {_times(p.spread)}" for p in found if p.spread.is_sure]
    unsure = [p.parameter.label for p in found if not p.spread.is_sure]
    what = f"({label} at its worst value over that at its best)"
    told = [f"{', then '.join(sure)} {what}."] if sure else []
    told += [f"Of no sure effect: {', '.join(unsure)}."] if unsure else []
    return " ".join(told)


def describe_model(study: StudyRecord) -> str:
    """Return what the model rests on and how well it tells trials that it has not seen."""
    model = response(study)
    if model is None:
        return ""
    return (
        f"The model rests on {model.trials} trials. It explains {model.explained:.0%} of the "
        "variance of log quality among trials that are left out of it, one at a time."
    )


def _effect(factor: Factor, quality: Metric) -> str:
    if not factor.is_sure:
        return "no sure change"
    return "better" if (factor.ratio < 1) == (quality.goal == "min") else "worse"


def _times(factor: Factor) -> str:
    """Return ``× 0.15 [0.13, 0.18]``: two digits, or two decimals around 1."""
    ratio, low, high = (
        f"{value:.2f}" if 0.1 <= value < 2 else f"{float(f'{value:.2g}'):g}"
        for value in (factor.ratio, factor.low, factor.high)
    )
    return f"× {ratio} [{low}, {high}]"
