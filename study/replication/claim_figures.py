"""Figures of the original's claims: functions of evidence and verdicts."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.page.figure_style import (
    BLUE,
    GREEN,
    GREY,
    LOG_AXIS,
    ORANGE,
    finish,
    interval,
)
from study.replication.condition_names import COMBINED
from study.replication.evidence import Evidence
from study.replication.loader_effect import LoaderEffect

STARTS = {"from noise": BLUE, "from prior": ORANGE, "from real images": GREEN}


def reverse_steps(evidence: Evidence) -> go.Figure:
    """Draw FID, and distances beside real held-out images', against the number of reverse steps."""
    figure = make_subplots(cols=2, subplot_titles=("FID", "median distance (real images = 1)"))
    for images, colour in STARTS.items():
        lines = [
            line
            for (name, _), found in evidence.extra_scores.items()
            for line in found
            if name == COMBINED and line["images"] == images
        ]
        for metric, column, dash in (
            ("fid", 1, "solid"),
            ("nearest_train", 2, "solid"),
            ("nearest_source", 2, "dot"),
        ):
            points: dict[str, list[float]] = {}
            for line in lines:
                if metric in line and line[metric] == line[metric]:  # no NaN: it has no source
                    points.setdefault(str(line["steps"]), []).append(line[metric])
            if not points:
                continue
            centres = [interval(v) if len(v) > 1 else (v[0], 0, 0) for v in points.values()]
            figure.add_scatter(
                x=list(points),
                y=[middle for middle, _, _ in centres],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [up for _, _, up in centres],
                    "arrayminus": [down for _, down, _ in centres],
                },
                name=images,
                legendgroup=images,
                showlegend=metric == "fid",
                line={"color": colour, "dash": dash},
                row=1,
                col=column,
            )
    figure.add_hline(1, line={"color": GREY, "width": 1}, row=1, col=2)
    figure = finish(figure, "reverse steps", None)
    figure.update_layout(legend={"y": -0.25, "yanchor": "top"})
    order = sorted({int(step) for trace in figure.data for step in trace.x})
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    return figure.update_yaxes(LOG_AXIS, col=1)


def loaders(effect: LoaderEffect) -> go.Figure:
    """Draw the milliseconds of a batch: the loader's and the network's, stacked."""
    names = ["one image at a time", "TensorDataset"]
    figure = go.Figure()
    figure.add_bar(
        y=names, x=[effect.network * 1e3] * 2, name="network", orientation="h", marker_color=BLUE
    )
    figure.add_bar(
        y=names,
        x=[effect.per_image * 1e3, effect.in_memory * 1e3],
        name="loader",
        orientation="h",
        marker_color=ORANGE,
    )
    figure.add_scatter(
        y=names,
        x=[effect.whole_per_image * 1e3, effect.whole_in_memory * 1e3],
        mode="markers",
        name="the whole loop, measured",
        marker={"color": GREY, "symbol": "line-ns-open", "size": 22, "line": {"width": 3}},
    )
    figure.update_layout(barmode="stack")
    return finish(figure, "ms per batch", "").update_yaxes(automargin=True)
