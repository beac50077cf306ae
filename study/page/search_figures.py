"""Figures of the search's course: learning curves, the best so far, and what ran when."""

import math
from typing import Any

import plotly.graph_objects as go

from study.analysis import search
from study.page.figure_style import (
    BLUE,
    GREY,
    LOG_AXIS,
    ORANGE,
    STATUS_NAME,
    STATUS_PATTERN,
    STATUS_STYLE,
    axis_title,
    finish,
    place_name,
)
from study.results.records import StudyRecord
from study.spec.status import TrialStatus

MAX_NAMED_LANES = 40  # of the timeline: more names can neither be read nor drawn in time


def learning_curves(study: StudyRecord) -> go.Figure:
    """Draw the first objective over the resource: a line per trial, whose last point says its end.

    Rungs, where the scheduler compared trials, are upright lines with the number stopped there.
    """
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
    """Draw the first objective of completed trials in the order they ended, and the best so far."""
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
    """Draw the share of the objectives' space that the front dominates over time, from 0 to 1."""
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
    """Draw how well each evaluation tells the final order, on which early stopping rests.

    The rank correlation is between -1 and 1; at 1 the evaluation has the final order.
    """
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
    """Draw when each trial ran, on which slot of which node."""
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
    named = list(heights.items())[:: math.ceil(len(heights) / MAX_NAMED_LANES) or 1]
    return figure.update_yaxes(
        tickvals=[height for _, height in named],
        ticktext=[f"{node} {lane + 1}".strip() for (node, lane), _ in named],
        automargin=True,
        autorange="reversed",
    )
