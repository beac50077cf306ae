"""Where, if anywhere, starting the reverse process at a DIP image pays: a map of seeds and cells.

A row is one seed, start, t₀ / T, number of network evaluations and sampler; what they are, and how
they are measured, is told in ``benchmarks/crossing_map.py``. A cell has the rows of all seeds.
"""

import csv
import itertools
import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from study.analysis.intervals import ALPHA, mean_of
from study.page.figure_style import BLUE, GREEN, GREY, LOG_AXIS, ORANGE, PINK, finish
from study.replication.evidence import QUALITIES

NOISE, DIP, CLASSICAL, REAL = "noise", "DIP image", "classical image", "real image"
STOPPED = "image of a DIP each, stopped by the DDPM"
COLOURS = {NOISE: BLUE, DIP: ORANGE, STOPPED: PINK, CLASSICAL: GREY, REAL: GREEN}
NOVEL = 0.9
"""The least distance of new images from their sources, as in :data:`dipddpm.record.NOVEL`."""

Row = dict[str, Any]
Cell = tuple[str, float, int, str]
"""Start, t₀ / T, evaluations and sampler."""


def read(file: Path) -> list[Row]:
    """Return the rows that are there."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        words = {"start", "sampler"}
        return [
            {k: v if k in words else float(v) for k, v in row.items()}
            for row in csv.DictReader(lines)
        ]


def cells(rows: list[Row]) -> dict[Cell, list[Row]]:
    """Return the rows of each cell, by seed."""
    found = defaultdict(list)
    for row in sorted(rows, key=lambda r: r["seed"]):
        key = (row["start"], row["t0_share"], int(row["evaluations"]), row["sampler"])
        found[key].append(row)
    return dict(found)


def mean(rows: list[Row], column: str) -> float:
    """Return the mean over seeds; of FID the geometric one."""
    values = [row[column] for row in rows]
    return statistics.geometric_mean(values) if column in QUALITIES else statistics.fmean(values)


def rival(found: dict[Cell, list[Row]], start: str, seconds: float, quality: str) -> Cell | None:
    """Return the cell of a start that has the least FID within so many seconds."""
    within = [
        cell
        for cell, rows in found.items()
        if cell[0] == start and mean(rows, "seconds") <= seconds
    ]
    return min(within, key=lambda cell: mean(found[cell], quality), default=None)


def wins(
    found: dict[Cell, list[Row]], count_prior: bool, quality: str = "fid", start: str = DIP
) -> list[dict[str, Any]]:
    """Return the cells of a start that beat noise at equal seconds and are no copies.

    Args:
        count_prior: the seconds of making the start images count.
    """
    mine = [cell for cell in found if cell[0] == start]
    won = []
    for cell in mine:
        rows = found[cell]
        prior_seconds = 0.0 if count_prior else mean(rows, "prior_seconds")
        best = rival(found, NOISE, mean(rows, "seconds") - prior_seconds, quality)
        if best is None or not is_novel(rows):
            continue
        theirs = {row["seed"]: row[quality] for row in found[best]}
        logs = [math.log(r[quality] / theirs[r["seed"]]) for r in rows if r["seed"] in theirs]
        if len(logs) < 2:
            continue
        ratio = mean_of(logs)
        _, high = ratio.interval(1 - ALPHA / len(mine))
        if high < 0:
            won.append({"cell": cell, "rival": best, "ratio": math.exp(ratio.value)})
    return won


def sentences(rows: list[Row]) -> list[str]:
    """Return the region in which a start by DIP wins, in words: with its seconds, and without."""
    found = cells(rows)
    texts = []
    counted = ((True, "its seconds counted"), (False, "for nothing"))
    starts = [start for start in (DIP, STOPPED) if any(cell[0] == start for cell in found)]
    for start, (count_prior, seconds), quality in itertools.product(starts, counted, QUALITIES):
        won = wins(found, count_prior, quality, start)
        cost = mean([row for row in rows if row["start"] == start], "prior_seconds")
        told = f"{start}, {seconds} ({cost:.1f} s), by {QUALITIES[quality]}: "
        if not won:
            of = sum(cell[0] == start for cell in found)
            texts.append(f"{told}in none of {of} cells does it beat noise at equal seconds, novel.")
            continue
        shares = sorted({w["cell"][1] for w in won})
        steps = sorted({w["cell"][2] for w in won})
        best = min(won, key=lambda w: w["ratio"])
        told += (
            f"it beats noise at equal seconds with novelty in {len(won)} cells, t₀ / T "
            f"{shares[0]:g} to {shares[-1]:g}, {steps[0]} to {steps[-1]} evaluations; at best it "
            f"is {best['ratio']:.2f} times noise's (t₀ / T {best['cell'][1]:g}, "
            f"{best['cell'][2]} evaluations, {best['cell'][3]})."
        )
        if count_prior:
            beaten = sum(classical_is_better(found, w["cell"], quality) for w in won)
            told += f" In {beaten} of them a classical image is a better start within the seconds."
        texts.append(told)
    return texts


def is_novel(rows: list[Row]) -> bool:
    """Return whether what a cell draws is as far from its sources as real images are apart."""
    return (
        rows[0]["start"] == NOISE or min(mean(rows, "to_source"), mean(rows, "true_error")) >= NOVEL
    )


def classical_is_better(found: dict[Cell, list[Row]], cell: Cell, quality: str) -> bool:
    """Return whether a classical image's start, novel too, has less FID within a cell's seconds."""
    novel = {c: rows for c, rows in found.items() if is_novel(rows)}
    best = rival(novel, CLASSICAL, mean(found[cell], "seconds"), quality)
    return best is not None and mean(found[best], quality) < mean(found[cell], quality)


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return the best novel cell of each start by each network, and in how many it beats noise.

    A start that draws nothing novel has no line.
    """
    found = cells(rows)
    table = []
    for quality, start in itertools.product(QUALITIES, COLOURS):
        mine = {c: r for c, r in found.items() if c[0] == start and is_novel(r)}
        if not mine:
            continue
        cell = min(mine, key=lambda c: mean(mine[c], quality))
        means = {name: round(mean(mine[cell], name), 3) for name in ("seconds", *QUALITIES)}
        table.append(
            {
                "quality": QUALITIES[quality],
                "start": start,
                "t0_share": cell[1],
                "evaluations": cell[2],
                "sampler": cell[3],
                **means,
                "wins": None if start == NOISE else len(wins(found, True, quality, start)),
                "cells": sum(c[0] == start for c in found),
            }
        )
    return {"seeds": len({row["seed"] for row in rows}), "rows": table, "text": sentences(rows)}


def figure(rows: list[Row]) -> go.Figure:
    """Draw FID over seconds, a point per cell; a slider picks t₀. Hollow points are too near."""
    found, traces = cells(rows), []
    first, *others = sorted({row["t0_share"] for row in rows if row["start"] != NOISE})
    shares = [None, first, *others]
    for start, colour in COLOURS.items():
        for share in (1.0,) if start == NOISE else (first, *others):
            mine = {c: r for c, r in found.items() if c[0] == start and c[1] == share}
            novel = [is_novel(r) for r in mine.values()]
            text = [
                f"{start}, t₀ / T {share:g}, {cell[2]} evaluations, {cell[3]}<br>to source "
                f"{mean(r, 'to_source'):.2f}, to clean {mean(r, 'true_error'):.2f}, "
                f"to training set {mean(r, 'to_train'):.2f}"
                for cell, r in mine.items()
            ]
            traces.append(
                go.Scatter(
                    x=[mean(r, "seconds") for r in mine.values()],
                    y=[mean(r, "fid") for r in mine.values()],
                    mode="markers",
                    name=start,
                    legendgroup=start,
                    showlegend=share in (1.0, first),
                    text=text,
                    hovertemplate="%{text}<br>FID %{y:.3g}, %{x:.3g} s<extra></extra>",
                    marker={
                        "color": colour,
                        "size": 9,
                        "symbol": ["circle" if is_ else "circle-open" for is_ in novel],
                    },
                    meta=share,
                )
            )
    steps = [
        {
            "label": "all" if share is None else f"{share:g}",
            "method": "update",
            "args": [{"visible": [share is None or t.meta in (1.0, share) for t in traces]}],
        }
        for share in shares
    ]
    drawn = finish(go.Figure(traces), "seconds for all scored images, start images included", "FID")
    drawn.update_xaxes(**LOG_AXIS)
    drawn.update_yaxes(**LOG_AXIS)
    return drawn.update_layout(
        sliders=[{"steps": steps, "currentvalue": {"prefix": "t₀ / T "}, "pad": {"t": 50}}]
    )
