"""What all figures share: colours, symbols, axes, legend and the marks of intervals."""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from study.analysis.conditions import conditions_of
from study.analysis.inference import Effect
from study.analysis.intervals import mean_of
from study.results.records import StudyRecord
from study.spec.problem import Metric
from study.spec.status import TrialStatus

# Okabe and Ito's colours, which the colour-blind can tell apart; shapes differ too
BLUE, ORANGE, GREY, GREEN, PINK = "#0072B2", "#D55E00", "#8A8A8A", "#009E73", "#CC79A7"
SKY = "#56B4E9"

STATUS_STYLE: dict[TrialStatus, tuple[str, str]] = {
    TrialStatus.COMPLETED: (BLUE, "circle"),
    TrialStatus.STOPPED: (GREY, "x-thin-open"),
    TrialStatus.PAUSED: (GREY, "x-thin-open"),
    TrialStatus.INTERRUPTED: (GREEN, "triangle-up-open"),
    TrialStatus.RUNNING: (GREEN, "triangle-up-open"),
    TrialStatus.FAILED: (ORANGE, "square-open"),
}
STATUS_NAME = {TrialStatus.STOPPED: "stopped early"}
STATUS_PATTERN = {TrialStatus.STOPPED: "/", TrialStatus.FAILED: "x"}

STYLES = (
    *((BLUE, "circle"), (ORANGE, "diamond"), (GREEN, "square"), (PINK, "cross")),
    (SKY, "triangle-up"),
)

LOG_AXIS = {"type": "log", "tickformat": "~g", "nticks": 4}
"""Plotly chooses the ticks, for any zoom; the format has it write each as a whole number."""

QUALITY_SCALE = "Cividis_r"  # readable by the colour-blind; bright is good


def finish(figure: go.Figure, x: str | None, y: str | None) -> go.Figure:
    """Give a figure the look that all share, the legend and the axes' titles; return it."""
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
        figure.update_xaxes(title={"text": x, "standoff": 10})
    if y is not None:
        figure.update_yaxes(title_text=y)
    return figure


def axis_title(metric: Metric) -> str:
    """Return a metric's label, with its unit if it has one."""
    return f"{metric.label} ({metric.unit})" if metric.unit else metric.label


def place_name(node: str, gpus: str) -> str:
    """Return the name of a node and the numbers of its GPUs, as far as they are known."""
    return " ".join(filter(None, (node, gpus and f"GPU {gpus}")))


def translucent(colour: str, opacity: float) -> str:
    """Return a colour such as ``#0072B2`` with an opacity of 0 … 1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def condition_styles(confirmation: StudyRecord) -> dict[str, tuple[str, str]]:
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
