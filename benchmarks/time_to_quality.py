"""Time to quality on MNIST: seconds of training to the FID of the original's recipe.

    python benchmarks/time_to_quality.py --data-dir DIR

The curves of FID against steps are on record (``record.py ddpm NAME --seed N``: same features,
same 50 steps of DDIM, same number of images); the seconds of a step are measured here, in turns.
For each point of the original's curve (the median of its seeds) stands when it gets there, and when
each recipe's curve is first at or below that FID: the original's own wavers, and may be so earlier.
"""

import argparse
import csv
import statistics

import torch
from recipes import BATCH_SIZE, RECIPES
from side_by_side import DATA, compare, machine, write

from dipddpm.data import load_dataset
from dipddpm.timing import interleaved

Curve = list[tuple[int, float]]


def curves(name: str) -> list[Curve]:
    """Return the steps and FIDs on record, a curve per seed."""
    found = []
    for file in sorted(DATA.glob(f"mnist-{name}-[0-9].csv")):
        with file.open() as lines:
            found.append([(int(r["step"]), float(r["fid"])) for r in csv.DictReader(lines)])
    return found


def steps_to(curve: Curve, fid: float) -> int | None:
    """Return the first step on record at which the FID is at most ``fid``, or None."""
    return next((step for step, value in curve if value <= fid), None)


def main() -> None:
    """Measure the seconds of a step, and write the times to each quality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = load_dataset("mnist", args.data_dir).train.images[:BATCH_SIZE].to(device)
    recorded = {name: curves(name) for name in RECIPES if curves(name)}
    loops = {name: RECIPES[name](0, device) for name in recorded}
    work = {name: lambda loop=loop: loop.step(batch) for name, loop in loops.items()}
    timed = compare(interleaved(work, args.repeats, device, calls=3), "original")

    checkpoints = [step for step, _ in recorded["original"][0]]
    rows = []
    for step in checkpoints:
        reached = [dict(curve)[step] for curve in recorded["original"] if step in dict(curve)]
        fid = statistics.median(reached)
        original_s = step * timed["original"]["seconds"]
        row = {
            "original_step": step,
            "original_s": original_s,
            "fid": fid,
            "seconds": {},
            "reached": {},
        }
        for name, seeds in recorded.items():
            steps = [steps_to(curve, fid) for curve in seeds]
            seconds = [s * timed[name]["seconds"] for s in steps if s is not None]
            row["reached"][name] = f"{len(seconds)} of {len(seeds)} seeds"
            row["seconds"][name] = statistics.median(seconds) if seconds else None
        rows.append(row)
        print(
            f"original after {original_s:4.0f} s: FID {fid:7.1f}; first reached by "
            + ", ".join(
                f"{name} {value:.0f} s ({row['reached'][name]})"
                if value is not None
                else f"{name} not on record"
                for name, value in row["seconds"].items()
            )
        )
    write("time-to-quality", {"machine": machine(device), "seconds_per_step": timed, "rows": rows})


if __name__ == "__main__":
    main()
