"""Learning curves of random settings: the table on which searches are compared.

    python benchmarks/curves.py --num 160

Trains each setting of the default search space to the end, on digits by the recipe of version 0.2,
and keeps its FID at every evaluation. A run that was cut off goes on where it was; results do not
depend on that.
"""

import argparse
import concurrent.futures
import csv
import multiprocessing
import os
from pathlib import Path

import numpy as np
import torch

from dipddpm.config import UNTIL_ADDED, preset
from dipddpm.pipeline import Run

TABLE = Path(__file__).parent / "data" / "digits-curves.csv"
LOW = {"dip_lr": 2e-4, "ddpm_lr": 1e-4, "std": 0.1}
HIGH = {"dip_lr": 2e-2, "ddpm_lr": 1e-2, "std": 1.5}
BUDGET = {"dataset": "digits", "epochs": 36, "eval_every": 4}
RECIPE = {"prediction": "epsilon", "sampler_steps": 25, **UNTIL_ADDED}
"""What the rows that are there already were trained by."""

COLUMNS = ("setting", *LOW, "epoch", "fid", "dip_time_s", "train_time_s")


def setting(number: int) -> dict[str, float]:
    """Return log-uniform learning rates and a uniform std, the same for a number everywhere."""
    share = np.random.default_rng([0, number]).random(3)
    chosen = {}
    for (name, low), high, x in zip(LOW.items(), HIGH.values(), share, strict=True):
        chosen[name] = low + x * (high - low) if name == "std" else low * (high / low) ** x
    return chosen


def curve(number: int) -> list[dict[str, float]]:
    """Train one setting to the end; return a row of scores per evaluation."""
    torch.set_num_threads(1)
    chosen = setting(number)
    rows = []
    for record in Run(preset("quick", **BUDGET, **RECIPE, **chosen), "cpu").records():
        values = record.row()
        measured = {name: values[name] for name in COLUMNS[len(chosen) + 1 :]}
        rows.append({"setting": number, **chosen, **measured})
    return rows


def main() -> None:
    """Add the settings that the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=160, help="settings in all (160)")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    TABLE.parent.mkdir(exist_ok=True)
    done = set()
    if TABLE.exists():
        with TABLE.open() as file:
            done = {int(row["setting"]) for row in csv.DictReader(file)}
    else:
        with TABLE.open("w", newline="") as file:
            csv.DictWriter(file, COLUMNS).writeheader()
    todo = [number for number in range(args.num) if number not in done]
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        curves = [pool.submit(curve, number) for number in todo]
        for count, future in enumerate(concurrent.futures.as_completed(curves), len(done) + 1):
            with TABLE.open("a", newline="") as file:  # a whole curve at once
                csv.DictWriter(file, COLUMNS).writerows(future.result())
            print(f"{count}/{args.num}", flush=True)


if __name__ == "__main__":
    main()
