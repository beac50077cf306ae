"""The figure of the anytime trade-off: quality over the seconds spent so far, prior and none."""

import itertools
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from study.analysis import anytime as analysis
from study.analysis.anytime import CurvePoint, Reached
from study.page.figure_style import (
    BLUE,
    LOG_AXIS,
    ORANGE,
    axis_title,
    condition_styles,
    finish,
    translucent,
)
from study.results.records import StudyRecord


def anytime(study: StudyRecord) -> go.Figure:
    """Draw the first objective over the seconds that were spent until it was reached.

    A step line is the front of all evaluations of a search: the study's, and the baseline's own.
    Lines with bands are the conditions of the confirmation, with pointwise 95 % intervals; those of
    the first pair are shown, the others can be added from the legend.
    """
    quality = study.problem.metric(study.problem.objectives[0])
    figure = go.Figure()
    searches = searched(study)
    end_s = max((p.seconds for points in searches.values() for p in points), default=0.0)
    fronts = [analysis.front(points, str(quality.goal)) for points in searches.values()]
    for place, (name, points) in enumerate(searches.items()):
        _draw_search(figure, name, points, fronts[place], end_s, is_baseline=place > 0)
    curves = analysis.confirmed_curves(study.confirmation) if study.confirmation else {}
    for name, curve in curves.items():
        _draw_curve(figure, study, name, curve)
    figure.update_layout(hovermode="closest", clickmode="event")
    figure = finish(figure, "seconds of work so far", axis_title(quality))
    shown = [p.quality for front in fronts for p in front]
    for name, curve in curves.items():  # of those that are added later, where they end
        seen = curve if name in _lead(study) else curve[-1:]
        shown += [value for p in seen for value in (p.low, p.high)]
    figure.update_yaxes(**LOG_AXIS, range=_range(shown))
    return figure.update_xaxes(**LOG_AXIS)


def searched(study: StudyRecord) -> dict[str, list[Reached]]:
    """Return the evaluations of the study's search and then of the baseline's, by name.

    Searches without any are left out, and the baseline's where it is the only one.
    """
    names = ["this search", "the baseline's own search"]
    if study.confirmation is not None:
        treatment = study.confirmation.info["treatment"]
        names = [f"with {treatment}", f"without {treatment}"]
    records = [study] if study.baseline is None else [study, study.baseline]
    found = zip(names, map(analysis.evaluations, records), strict=False)
    return dict(itertools.takewhile(lambda named: named[1], found))


def describe_lead(study: StudyRecord) -> str:
    """Return which search's front leads in the end, and since when; empty of one alone.

    Before that, only how often the lead changed: fronts are of single runs, picked with hindsight.
    """
    searches = searched(study)
    if len(searches) < 2:
        return ""
    quality = study.problem.metric(study.problem.objectives[0])
    first, second = (analysis.front(each, str(quality.goal)) for each in searches.values())
    found = analysis.stretches(first, second, str(quality.goal), quality.margin)
    names = dict(zip(("first", "second"), searches, strict=True))
    begin, margin = f"from {found[-1].begin_s:.2g} s on", f"{quality.margin:.0%}"
    if found[-1].leader == "neither":
        text = f"within {margin} of each other {begin}"
    else:
        text = f"ahead by more than {margin} {begin}: {names[found[-1].leader]}"
    text = f"The best single runs, picked with hindsight: {text}"
    before = [each.leader for each in found[:-1] if each.leader != "neither"]
    changes = sum(a != b for a, b in itertools.pairwise(before))
    if changes:
        times = "once" if changes == 1 else f"{changes} times"
        return f"{text}; before, the lead changes {times}."
    return f"{text}; before: {names[before[0]]}." if before else f"{text}."


def _draw_search(
    figure: go.Figure,
    name: str,
    points: Sequence[Reached],
    front: Sequence[Reached],
    end_s: float,
    is_baseline: bool,
) -> None:
    """Draw all evaluations of a search, and their front up to ``end_s``.

    Those of the baseline cannot be selected: the page has neither their settings nor pictures.
    """
    colour = BLUE if is_baseline else ORANGE
    figure.add_scatter(
        x=[p.seconds for p in points],
        y=[p.quality for p in points],
        customdata=None if is_baseline else [p.trial_id for p in points],
        mode="markers",
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip" if is_baseline else "none",
        marker={"color": colour, "size": 5, "opacity": 0.45},
    )
    figure.add_scatter(
        x=[*(p.seconds for p in front), end_s],
        y=[*(p.quality for p in front), front[-1].quality],
        mode="lines",
        name=f"{name}: best so far",
        legendgroup=name,
        line={"color": colour, "width": 2, "shape": "hv", "dash": "dot"},
        hovertemplate="%{x:.3g} s: %{y:.3g}<extra></extra>",
    )


def _draw_curve(
    figure: go.Figure, study: StudyRecord, name: str, curve: Sequence[CurvePoint]
) -> None:
    """Draw a condition's means with their band."""
    assert study.confirmation is not None
    colour, symbol = condition_styles(study.confirmation)[name]
    visible = True if name in _lead(study) else "legendonly"
    shown = {"legendgroup": f"confirmed {name}", "visible": visible}
    seconds = [p.seconds for p in curve]
    figure.add_scatter(
        x=[*seconds, *reversed(seconds)],
        y=[*(p.low for p in curve), *reversed([p.high for p in curve])],
        mode="lines",
        fill="toself",
        fillcolor=translucent(colour, 0.25),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **shown,
    )
    figure.add_scatter(
        x=seconds,
        y=[p.quality for p in curve],
        mode="lines+markers",
        name=f"{name}, confirmed ({max(p.seeds for p in curve)} seeds)",
        line={"color": colour, "width": 3},
        marker={"color": colour, "symbol": symbol, "size": 9},
        text=[f"{p.quality:.3g} ({p.low:.3g} to {p.high:.3g}), {p.seeds} seeds" for p in curve],
        hovertemplate="%{x:.3g} s: %{text}<extra></extra>",
        **shown,
    )


def _lead(study: StudyRecord) -> Sequence[str]:
    """Return the names of the two conditions that the verdict leads with."""
    assert study.confirmation is not None
    pair: Sequence[str] = study.confirmation.info["pairs"][0]
    return pair


def _range(values: Sequence[float]) -> list[float] | None:
    """Return the ends of a log axis, in decades, that hold all values above 0 with some room."""
    logs = [math.log10(value) for value in values if value > 0]
    if not logs:
        return None
    room = max(0.05, 0.05 * (max(logs) - min(logs)))
    return [min(logs) - room, max(logs) + room]
