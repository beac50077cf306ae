"""Learning curves of random settings: the table on which searches are compared.

    python benchmarks/curves.py --num 160
    python benchmarks/curves.py --num 24 --prior none
    python benchmarks/curves.py --dataset mnist-small --num 160

Trains each setting of the default search space to the end and keeps its FID at every evaluation: on
``digits`` by the recipe of version 0.2, on ``mnist-small`` by the quick preset of today, evaluated
after each epoch. ``--prior none`` trains the baseline, for which ``ddpm_lr`` alone matters. A run
that was cut off goes on where it was; results do not depend on that. It tells the CPU-seconds of
each curve.
"""

import argparse
import concurrent.futures
import csv
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dipddpm.config import UNTIL_ADDED, preset
from dipddpm.pipeline import Run

DATA = Path(__file__).parent / "data"
LOW = {"dip_lr": 2e-4, "ddpm_lr": 1e-4, "std": 0.1}
HIGH = {"dip_lr": 2e-2, "ddpm_lr": 1e-2, "std": 1.5}
BUDGET = {"dataset": "digits", "epochs": 36, "eval_every": 4}
RECIPES: dict[str, dict[str, Any]] = {
    # what the rows that are there already were trained by
    "digits": {**BUDGET, "prediction": "epsilon", "sampler_steps": 25, **UNTIL_ADDED},
    "mnist-small": {"dataset": "mnist-small", "eval_every": 1},
}
"""What a data set's curves differ in from the quick preset."""

COLUMNS = ("setting", *LOW, "epoch", "fid", "dip_time_s", "train_time_s")


def setting(number: int) -> dict[str, float]:
    """Return log-uniform learning rates and a uniform std, the same for a number everywhere."""
    share = np.random.default_rng([0, number]).random(3)
    chosen = {}
    for (name, low), high, x in zip(LOW.items(), HIGH.values(), share, strict=True):
        chosen[name] = low + x * (high - low) if name == "std" else low * (high / low) ** x
    return chosen


def curve(number: int, dataset: str, prior: str) -> tuple[list[dict[str, float]], float]:
    """Train one setting to the end; return a row of scores per evaluation, and the CPU seconds."""
    torch.set_num_threads(1)
    began = time.process_time()
    chosen = setting(number)
    rows = []
    config = preset("quick", **RECIPES[dataset], **chosen, prior=prior)
    for record in Run(config, "cpu").records():
        values = record.row()
        measured = {name: values[name] for name in COLUMNS[len(chosen) + 1 :]}
        rows.append({"setting": number, **chosen, **measured})
    return rows, time.process_time() - began


def main() -> None:
    """Add the settings that the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=160, help="settings in all (160)")
    parser.add_argument("--dataset", choices=tuple(RECIPES), default="digits")
    parser.add_argument("--prior", choices=("restorer", "none"), default="restorer")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    kind = "curves" if args.prior == "restorer" else f"{args.prior}-curves"
    table, done = DATA / f"{args.dataset}-{kind}.csv", set()
    if table.exists():
        with table.open() as file:
            done = {int(row["setting"]) for row in csv.DictReader(file)}
    else:
        with table.open("w", newline="") as file:
            csv.DictWriter(file, COLUMNS).writeheader()
    todo = [number for number in range(args.num) if number not in done]
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        curves = [pool.submit(curve, number, args.dataset, args.prior) for number in todo]
        for count, future in enumerate(concurrent.futures.as_completed(curves), len(done) + 1):
            rows, cpu_s = future.result()
            with table.open("a", newline="") as file:  # a whole curve at once
                csv.DictWriter(file, COLUMNS).writerows(rows)
            print(f"{count}/{args.num}, {cpu_s:.0f} CPU-seconds", flush=True)


if __name__ == "__main__":
    main()
