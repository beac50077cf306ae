"""The DIP stage: seconds until held-out images are restored as well as the original's best.

    python benchmarks/dip_stage.py --data-dir DIR

The original's curve is on record (``record.py dip``); the seconds of its step are measured here, in
turns with ours. Ours is fitted until its PSNR on the same images passes the best of that curve.
"""

import argparse
import csv
import statistics
import time

from recipes import BATCH_SIZE, OriginalDIP
from record import DIP_LR, STD, held_out_pair
from side_by_side import DATA, machine, write
from torch import Tensor

from dipddpm.config import preset
from dipddpm.data import load_dataset
from dipddpm.priors import make_prior
from dipddpm.quality import psnr

LOOK_EVERY = 10  # steps
SEEDS = 5
OUR_LR = 3e-3


class Reached(Exception):
    """Raised when the PSNR asked for is reached: holds the seconds and steps that it took."""


def time_to(target: float, seed: int, train: Tensor, clean: Tensor, noisy: Tensor) -> Reached:
    """Fit until the held-out PSNR reaches the target in dB; return the seconds and steps it took.

    The time of looking at the PSNR does not count.
    """
    config = preset("original", std=STD, dip_lr=OUR_LR, seed=seed)
    prior = make_prior(config, train)
    looked_s, began = 0.0, time.perf_counter()

    def look(_stage: str, step: int, _steps: int) -> None:
        nonlocal looked_s
        if step % LOOK_EVERY == 0:
            start = time.perf_counter()
            if psnr(prior.restore(noisy), clean) >= target:
                raise Reached(start - began - looked_s, step)
            looked_s += time.perf_counter() - start

    try:
        prior.fit(look)
    except Reached as reached:
        return reached
    raise RuntimeError(f"{target:.2f} dB was not reached in {config.dip_steps} steps")


def main() -> None:
    """Measure both sides and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    args = parser.parse_args()
    dataset = load_dataset("mnist", args.data_dir)
    clean, noisy = held_out_pair(dataset)
    with (DATA / "dip-original.csv").open() as file:
        curve = [(int(row["step"]), float(row["psnr"])) for row in csv.DictReader(file)]
    best_step, best_psnr = max(curve, key=lambda point: point[1])
    original = OriginalDIP(dataset.train.images[:BATCH_SIZE], STD, DIP_LR, 0)
    original.step()
    rows = []
    for seed in range(SEEDS):  # in turns
        start = time.perf_counter()
        original.step()
        original_s = (time.perf_counter() - start) * best_step
        seconds, steps = time_to(best_psnr, seed, dataset.train.images, clean, noisy).args
        rows.append({"original_s": original_s, "ours_s": seconds, "steps": steps})
        print(f"seed {seed}: original {original_s:.0f} s, ours {seconds:.1f} s ({steps} steps)")
    ratios = [row["original_s"] / row["ours_s"] for row in rows]
    print(
        f"{best_psnr:.2f} dB, the original's best (step {best_step} of {curve[-1][0]} on record): "
        f"ours {statistics.median(ratios):.0f} times as fast [{min(ratios):.0f}, {max(ratios):.0f}]"
    )
    result = {"best_psnr": best_psnr, "best_step": best_step, "recorded_steps": curve[-1][0]}
    write("dip-stage", {"machine": machine(clean.device), **result, "rows": rows, "ratio": ratios})


if __name__ == "__main__":
    main()
