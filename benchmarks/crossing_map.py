"""Where, if anywhere, does starting at a DIP image pay? Starts, noise levels, steps and samplers.

    python benchmarks/crossing_map.py --dataset digits
    python benchmarks/crossing_map.py --dataset mnist-small

A DDPM is trained on clean images (the quick preset, no prior). It then draws from noise, or by a
reverse process that starts at t₀ from noised images (SDEdit, Meng et al. 2022): held-out images
that were noisy (std 0.5) and that DIP or a classical denoiser restored without having seen a clean
one, or the real ones. A row is one seed, start, t₀ / T, number of network evaluations and sampler:
FID by the features of two networks, and median distances relative to that of a real image to the
nearest training image, from the start image, from the clean image behind it, and from the training
set. Seconds are those of one
core's process; those of DIP and of the denoiser, to fit it and to restore the starts, are counted.

The rows are ``data/crossing-map-DATASET.csv``; seeds that are there are not repeated. Beside a
figure, ``--figure`` or ``results/crossing-map-DATASET.html``, a sentence names the region in which
a DIP start has a lower FID than noise at equal seconds, at a distance of at least 0.9 from its
source: by t-intervals over seeds, at 5 % over all cells, for each network.
"""

import argparse
import concurrent.futures
import csv
import itertools
import math
import multiprocessing
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import torch
from side_by_side import DATA, write
from torch import Tensor

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run
from dipddpm.prior_stage import PriorStage
from dipddpm.quality import fid, nearest
from dipddpm.randomness import generator
from dipddpm.training import draw, in_turn
from study.analysis.intervals import ALPHA, mean_of
from study.page.figure_style import BLUE, GREEN, GREY, LOG_AXIS, ORANGE, finish

STD = 0.5
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7)
EVALUATIONS = (2, 3, 5, 10, 20)
FROM_NOISE = (*EVALUATIONS, 50)
SAMPLERS: dict[str, dict[str, Any]] = {
    "ancestral": {"sampler_order": 1, "eta": 1.0, "spacing": "time"},
    "DDIM": {"sampler_order": 1, "eta": 0.0, "spacing": "time"},
    "2M": {"sampler_order": 2, "eta": 0.0, "spacing": "log-snr"},
    "2M, stochastic": {"sampler_order": 2, "eta": 1.0, "spacing": "log-snr"},
}
NOISE, DIP, CLASSICAL, REAL = "noise", "DIP image", "classical image", "real image"
PRIORS = {DIP: "restorer", CLASSICAL: "gaussian"}
COLOURS = {NOISE: BLUE, DIP: ORANGE, CLASSICAL: GREY, REAL: GREEN}
NOVEL = 0.9
QUALITIES = {"fid": "FID", "fid_second": "FID (second network)"}
COLUMNS = (
    *("seed", "start", "t0_share", "evaluations", "sampler", "prior_seconds", "seconds"),
    *("fid", "fid_second", "to_source", "true_error", "to_train"),
)
Row = dict[str, Any]
Cell = tuple[str, str, int, str]
"""Start, t₀ / T, evaluations and sampler."""


def starts(config: RunConfig, run: Run) -> Iterator[tuple[str, Tensor, float]]:
    """Yield the images that the reverse process starts from, and the seconds that they cost."""
    clean = run.dataset.start.images[: run.scored_images]
    for name, prior in PRIORS.items():
        restoring = preset(
            *("quick",),
            dataset=config.dataset,
            seed=config.seed,
            regime="noisy",
            prior=prior,
            std=STD,
        )
        began = time.process_time()
        stage = PriorStage(restoring, run.dataset, torch.device("cpu"))
        stage.prior.fit()
        restored = stage.prior.restore(stage.start)
        yield name, restored, time.process_time() - began
    yield REAL, clean, 0.0


def rows_of(dataset: str, seed: int) -> list[Row]:
    """Train and draw with one seed; return its rows."""
    torch.set_num_threads(1)
    config = preset("quick", dataset=dataset, prior="none", seed=seed, score_split="test")
    run = Run(config, "cpu")
    list(run.records())
    cells_of_noise = [(NOISE, 1.0, evaluations, None, 0.0) for evaluations in FROM_NOISE]
    others = [
        (name, share, evaluations, images, seconds)
        for name, images, seconds in starts(config, run)
        for share in SHARES
        for evaluations in EVALUATIONS
    ]
    return [
        row_of(run, name, share, evaluations, sampler, images, seconds)
        for name, share, evaluations, images, seconds in (*cells_of_noise, *others)
        for sampler in SAMPLERS
    ]


def row_of(
    run: Run,
    start: str,
    share: float,
    evaluations: int,
    sampler: str,
    images: Tensor | None,
    prior_seconds: float,
) -> Row:
    """Draw as many images as are scored by one cell of the map; return its row."""
    assert run.trainer is not None
    first, num = round(share * run.config.timesteps), run.scored_images
    config = preset(
        *("quick",),
        dataset=run.config.dataset,
        **SAMPLERS[sampler],
        # the sampler counts its steps over the whole way
        sampler_steps=round(evaluations / share),
        start_step=None if images is None else first,
    )
    sources = None if images is None else in_turn(images, num)
    rng = generator(run.config.seed, "crossing map")
    began = time.process_time()
    drawn = draw(run.trainer.ema.eval(), config, num, run.dataset.shape, rng, sources)
    seconds = time.process_time() - began
    reference, unit = run.reference, run.reference.real_nearest

    def distance(others: Tensor | None) -> float:
        if others is None:
            return math.nan
        return float((drawn - others).square().flatten(1).mean(1).sqrt().median()) / unit

    clean = None if images is None else in_turn(run.dataset.start.images[: len(images)], num)
    return {
        "seed": run.config.seed,
        "start": start,
        "t0_share": share,
        "evaluations": evaluations,
        "sampler": sampler,
        "prior_seconds": round(prior_seconds, 3),
        "seconds": round(prior_seconds + seconds, 3),
        "fid": round(fid(reference.real_features, reference.extract(drawn)), 4),
        "fid_second": round(reference.fid_second(drawn), 4),
        "to_source": round(distance(sources), 4),
        "true_error": round(distance(clean), 4),
        "to_train": round(float(nearest(drawn, reference.train).median()) / unit, 4),
    }


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
        ratio = mean_of(
            [math.log(a[quality] / b[quality]) for a, b in zip(rows, found[best], strict=True)]
        )
        _, high = ratio.interval(1 - ALPHA / len(mine))
        if high < 0:
            won.append({"cell": cell, "rival": best, "ratio": math.exp(ratio.value)})
    return won


def sentences(rows: list[Row]) -> list[str]:
    """Return the region in which a DIP start wins, in words: with its seconds, and without."""
    found = cells(rows)
    texts = []
    counted = ((True, "DIP's seconds counted"), (False, "DIP for nothing"))
    cost = mean([row for row in rows if row["start"] == DIP], "prior_seconds")
    for (count_prior, seconds), quality in itertools.product(counted, QUALITIES):
        won = wins(found, count_prior, quality)
        told = f"{seconds} ({cost:.1f} s), by {QUALITIES[quality]}: "
        if not won:
            of = sum(cell[0] == DIP for cell in found)
            told += f"in none of {of} cells does a DIP start beat noise at equal seconds"
            texts.append(f"{told} with novelty.")
            continue
        shares = sorted({w["cell"][1] for w in won})
        steps = sorted({w["cell"][2] for w in won})
        best = min(won, key=lambda w: w["ratio"])
        told += (
            f"a DIP start beats noise at equal seconds with novelty in {len(won)} cells, t₀ / T "
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
    """Return the best cell of each start by each network, and in how many it beats noise."""
    found = cells(rows)
    table = []
    for quality, start in itertools.product(QUALITIES, COLOURS):
        mine = {c: r for c, r in found.items() if c[0] == start and is_novel(r)}
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
    found, traces, shares = cells(rows), [], [None, *SHARES]
    for start, colour in COLOURS.items():
        for share in (1.0,) if start == NOISE else SHARES:
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
                    showlegend=share in (1.0, SHARES[0]),
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


def main() -> None:
    """Run the seeds that are missing; write rows, figure and tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("digits", "mnist-small"), default="digits")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    file = DATA / f"crossing-map-{args.dataset}.csv"
    done = {row["seed"] for row in read(file)}
    if not done:
        with file.open("w", newline="", encoding="utf-8") as lines:
            csv.DictWriter(lines, COLUMNS).writeheader()
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        todo = [seed for seed in range(args.seeds) if seed not in done]
        tasks = [pool.submit(rows_of, args.dataset, seed) for seed in todo]
        for task in concurrent.futures.as_completed(tasks):
            with file.open("a", newline="", encoding="utf-8") as lines:  # a whole seed at once
                csv.DictWriter(lines, COLUMNS).writerows(task.result())
            print(f"seed {task.result()[0]['seed']} is done", flush=True)
    rows = read(file)
    page = args.figure or Path(f"results/crossing-map-{args.dataset}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    figure(rows).write_html(page)
    print(f"written to {file} and {page}", *sentences(rows), sep="\n")
    write(file.stem, summary(rows))


if __name__ == "__main__":
    main()
