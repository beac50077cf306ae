"""Figures of what a training or a drawing costs and brings, with the prior and without."""

import math
import statistics
from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.page.figure_style import BLUE, GREEN, LOG_AXIS, ORANGE, STYLES, finish
from study.replication.condition_names import (
    ALONE,
    COMBINED,
    NOISY_ALONE,
    NOISY_COMBINED,
    PRIOR_SET,
    PRIOR_SETS,
)
from study.replication.evidence import Evidence

REGIMES = {"clean images": (ALONE, COMBINED), "noisy images only": (NOISY_ALONE, NOISY_COMBINED)}

Point = tuple[float, float]


def learning_curves(evidence: Evidence) -> go.Figure | None:
    """Draw FID against the seconds of training so far, DIP's counted: geometric means over seeds.

    The points are evaluations, which all have after the same epochs.
    """
    figure = make_subplots(cols=2, subplot_titles=tuple(REGIMES))
    for column, names in enumerate(REGIMES.values(), 1):
        for name, colour, label in zip(names, (BLUE, ORANGE), (ALONE, COMBINED), strict=True):
            points = _mean_curve(evidence, name)
            figure.add_scatter(
                x=[seconds for seconds, _ in points],
                y=[fid for _, fid in points],
                name=label,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": colour},
                row=1,
                col=column,
            )
    if not any(len(trace.x) > 1 for trace in figure.data):  # evaluated at the end alone
        return None
    figure = finish(figure, "seconds of training, DIP counted", None)
    figure.update_layout(legend={"y": -0.25, "yanchor": "top"})
    return figure.update_yaxes(LOG_AXIS).update_yaxes(title_text="FID", col=1)


def _mean_curve(evidence: Evidence, name: str) -> list[Point]:
    curves = []
    for seed in evidence.seeds(name):
        seconds, fids = (evidence.curve(name, metric, seed) for metric in ("time_total_s", "fid"))
        curves.append([(a, b) for (_, a), (_, b) in zip(seconds, fids, strict=True)])
    return [_mean(points) for points in zip(*curves, strict=True)] if curves else []


def _mean(points: Iterable[Point]) -> Point:
    one, other = zip(*points, strict=True)
    return statistics.geometric_mean(one), statistics.geometric_mean(other)


def prior_quality(evidence: Evidence) -> go.Figure | None:
    """Draw the FID of samples against the PSNR of the prior set, a point per run."""
    figure = go.Figure()
    for name, (colour, symbol) in zip(PRIOR_SETS, _styles(len(PRIOR_SETS)), strict=True):
        seeds = evidence.seeds(name)
        psnrs = [evidence.extra_of(name, seed, PRIOR_SET, "psnr") for seed in seeds]
        if any(math.isfinite(psnr) for psnr in psnrs):
            figure.add_scatter(
                x=psnrs,
                y=evidence.values(name, "fid", seeds),
                mode="markers",
                name=name,
                marker={"color": colour, "symbol": symbol, "size": 9},
            )
    if not figure.data:
        return None
    figure = finish(figure, "PSNR of the prior set against clean images (dB)", "FID of samples")
    figure.update_layout(legend={"y": -0.25, "yanchor": "top"})
    return figure.update_yaxes(LOG_AXIS)


def _styles(count: int) -> Sequence[tuple[str, str]]:
    return [
        (STYLES[place % len(STYLES)][0], STYLES[place // len(STYLES)][1]) for place in range(count)
    ]


def seconds_of_drawing(evidence: Evidence) -> go.Figure | None:
    """Draw FID against the seconds of drawing; the points of a line differ by reverse steps."""
    figure = go.Figure()
    for label, name, images, colour, counted in (
        ("DDPM alone, from noise", ALONE, "from noise", GREEN, False),
        ("DIP→DDPM, from noise", COMBINED, "from noise", BLUE, False),
        ("DIP→DDPM, from a noised prior", COMBINED, "from prior", ORANGE, False),
        ("the same, DIP's seconds counted", COMBINED, "from prior", ORANGE, True),
    ):
        points: dict[int, list[Point]] = {}
        for seed in evidence.seeds(name):
            dip_s = evidence.values(name, "dip_time_s", [seed])[0] if counted else 0.0
            for line in evidence.extra_scores.get((name, seed), []):
                if line["images"] == images and (line.get("steps") or 0) > 0:
                    point = (float(line["seconds"]) + dip_s, float(line["fid"]))
                    points.setdefault(int(line["steps"]), []).append(point)
        means = {steps: _mean(found) for steps, found in sorted(points.items())}
        figure.add_scatter(
            x=[seconds for seconds, _ in means.values()],
            y=[fid for _, fid in means.values()],
            text=[f"{steps} steps" for steps in means],
            name=label,
            mode="lines+markers",
            line={"color": colour, "dash": "dot" if counted else "solid"},
        )
    if not any(trace.x for trace in figure.data):
        return None
    figure = finish(figure, "seconds of drawing the scored images", "FID")
    figure.update_layout(legend={"y": -0.25, "yanchor": "top"})
    return figure.update_xaxes(LOG_AXIS).update_yaxes(LOG_AXIS)
