"""The figure of the confirmation: each condition against its baseline."""

import plotly.graph_objects as go

from study.analysis.comparison import comparisons
from study.page.figure_style import GREY, LOG_AXIS, condition_styles, finish, ratio_marks
from study.results.records import StudyRecord


def confirmed(study: StudyRecord) -> go.Figure:
    """Draw each condition of the confirmation against its baseline, as ratios with intervals.

    Left of 1 the condition has less. The grey band is what counts as equal.
    """
    assert study.confirmation is not None
    figure = go.Figure()
    found = [c for c in comparisons(study.confirmation) if c.effect.n > 1]
    metrics = list(dict.fromkeys(c.metric for c in found))
    pairs = list(dict.fromkeys((c.condition, c.baseline) for c in found))
    styles = condition_styles(study.confirmation)
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
    """Return ``FID at equal time`` for ``fid at equal time``, in two lines if long."""
    name, _, rest = metric.partition(" ")
    words = f"{study.problem.metric(name).label} {rest}".split()
    if sum(map(len, words)) < 18:
        return " ".join(words)
    return " ".join(words[: len(words) // 2]) + "<br>" + " ".join(words[len(words) // 2 :])
