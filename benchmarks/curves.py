"""Learning curves of random settings: the tables on which searches are compared.

    python benchmarks/curves.py --num 160
    python benchmarks/curves.py --table digits-none --num 24
    python benchmarks/curves.py --table mnist-small --num 160
    python benchmarks/curves.py --table digits-extended --num 60

Trains each setting of a search space to the end and keeps its FID at every evaluation: on
``digits`` by the recipe of version 0.2, on ``mnist-small`` by the quick preset of today, evaluated
after each epoch. ``digits-none`` trains the baseline without prior, for which ``ddpm_lr`` alone
matters. ``digits-extended`` has the settings of ``--dataset digits --space extended --std 0.1
0.5``, which change the time of an iteration too, evaluated where a search compares trials. A run
that was cut off goes on where it was; results do not depend on that. It tells the CPU-seconds of
each curve.
"""

import argparse
import concurrent.futures
import csv
import multiprocessing
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dipddpm.config import UNTIL_ADDED, RunConfig, preset
from dipddpm.pipeline import Run
from study.problem.search_space import EXTENDED, SEARCHABLE, searched
from study.spec.problem import Parameter

DATA = Path(__file__).parent / "data"
LOW = {"dip_lr": 2e-4, "ddpm_lr": 1e-4, "std": 0.1}
HIGH = {"dip_lr": 2e-2, "ddpm_lr": 1e-2, "std": 1.5}
BUDGET = {"dataset": "digits", "epochs": 36, "eval_every": 4}
EARLIER = {**BUDGET, "prediction": "epsilon", "sampler_steps": 25, **UNTIL_ADDED}
"""What the rows that are there already were trained by."""

RECIPES: dict[str, dict[str, Any]] = {
    "digits": EARLIER,
    "digits-none": {**EARLIER, "prior": "none"},
    "mnist-small": {"dataset": "mnist-small", "eval_every": 1},
    "digits-extended": {"dataset": "digits", "eval_every": 12},
}
"""What the runs of a table differ in from the quick preset."""

ALSO_AT = {"digits-extended": (3, 6)}
"""The epochs of other evaluations: the rungs of the default search."""

NARROWED = {"digits-extended": {"std": (0.1, 0.5)}}
"""The intervals that differ from those of the search: above, noise decides alone."""

MEASURED = ("epoch", "fid", "dip_time_s", "train_time_s")


def intervals(table: str) -> list[Parameter]:
    """Return what a table's settings vary, and where."""
    if table != "digits-extended":
        return [
            Parameter(name, name, low, HIGH[name], log=name != "std") for name, low in LOW.items()
        ]
    run = _config(table)
    own = {each.name: each.interval(run) for each in searched(run, EXTENDED)} | NARROWED[table]
    return [SEARCHABLE[name].parameter(interval, run) for name, interval in own.items()]


def _config(table: str, **chosen: Any) -> RunConfig:
    return preset("quick", **RECIPES[table], **chosen)


def setting(number: int, table: str) -> dict[str, float]:
    """Return values drawn evenly from the intervals, the same for a number everywhere."""
    parameters = intervals(table)
    share = np.random.default_rng([0, number]).random(len(parameters))
    chosen: dict[str, float] = {}
    for each, x in zip(parameters, share, strict=True):
        assert each.low is not None
        assert each.high is not None
        low, high, step = each.low, each.high, each.step
        value = low * (high / low) ** x if each.log else low + x * (high - low)
        chosen[each.name] = value if step is None else int(low + round((value - low) / step) * step)
    return chosen


def curve(number: int, table: str) -> tuple[list[dict[str, float]], float]:
    """Train one setting to the end; return a row of scores per evaluation, and the CPU seconds."""
    torch.set_num_threads(1)
    began = time.process_time()
    chosen = setting(number, table)
    rows, ends = [], []

    def note(stage: str, _done: int, _of: int) -> None:
        if stage == "ddpm":
            ends.append(time.process_time())

    for record in Run(_config(table, **chosen), "cpu", note).records(ALSO_AT.get(table, ())):
        values = record.row()
        rows.append({"setting": number, **chosen, **{name: values[name] for name in MEASURED}})
    if table == "digits-extended":
        # the middle one: an epoch that follows an evaluation is counted with it
        epoch_s = statistics.median(b - a for a, b in pairwise(ends))
        rows = [{**row, "epoch_cpu_s": epoch_s} for row in rows]
    return rows, time.process_time() - began


def main() -> None:
    """Add the settings that the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=160, help="settings in all (160)")
    parser.add_argument("--table", choices=tuple(RECIPES), default="digits")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    table, done = DATA / f"{args.table}-curves.csv", set()
    columns = ["setting", *(each.name for each in intervals(args.table)), *MEASURED]
    columns += ["epoch_cpu_s"] if args.table == "digits-extended" else []
    if table.exists():
        with table.open() as file:
            done = {int(row["setting"]) for row in csv.DictReader(file)}
    else:
        with table.open("w", newline="") as file:
            csv.DictWriter(file, columns).writeheader()
    todo = [number for number in range(args.num) if number not in done]
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        curves = [pool.submit(curve, number, args.table) for number in todo]
        for count, future in enumerate(concurrent.futures.as_completed(curves), len(done) + 1):
            rows, cpu_s = future.result()
            with table.open("a", newline="") as file:  # a whole curve at once
                csv.DictWriter(file, columns).writerows(rows)
            print(f"{count}/{args.num}, {cpu_s:.0f} CPU-seconds", flush=True)


if __name__ == "__main__":
    main()
