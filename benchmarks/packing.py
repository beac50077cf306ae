"""How many trials at once a device takes: images/s of all together, against one alone.

    python benchmarks/packing.py --at-once 1 2 4 8 16

Each trial is a process of its own, as in a study, that trains the DDPM of a preset on images of the
right shape; all begin together. On a CPU the cores are divided among them.
"""

import argparse
import os
import statistics
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import torch
from side_by_side import machine, write
from torch import multiprocessing

from dipddpm.config import PRESETS, preset
from dipddpm.timing import now
from dipddpm.training import Trainer

SIZES = {"quick": 8, "original": 28}  # pixels of each preset's images
WAIT_S = 300.0  # for processes to start, or to notice that one could not


def train(
    name: str, seconds: float, threads: int, device: str, ready: Barrier, rates: "Queue[float]"
) -> None:
    """Train for ``seconds`` beside the other processes; put images per second into ``rates``."""
    torch.set_num_threads(threads)
    config = preset(name, prior="none")
    images = torch.randn(10 * config.batch_size, 1, SIZES[name], SIZES[name], device=device)
    trainer = Trainer(config, images, images)
    trainer.train_epoch()
    ready.wait()
    start = now(images.device)
    while now(images.device) - start < seconds:
        trainer.train_epoch()
    trained = (trainer.epoch - 1) * len(images)
    rates.put(trained / (now(images.device) - start))


def images_per_s(name: str, at_once: int, seconds: float, device: str) -> float:
    """Return the images per second of all processes together."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(at_once, timeout=WAIT_S), context.Queue()
    threads = max(1, (os.cpu_count() or 1) // at_once)
    arguments = (name, seconds, threads, device, ready, rates)
    trials = [context.Process(target=train, args=arguments) for _ in range(at_once)]
    for trial in trials:
        trial.start()
    total = sum(rates.get(timeout=2 * WAIT_S) for _ in trials)
    for trial in trials:
        trial.join()
    return total


def main() -> None:
    """Measure each number of trials at once and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="original")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each repeat")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rates: dict[int, list[float]] = {at_once: [] for at_once in args.at_once}
    for _ in range(args.repeats):  # in turns
        for at_once, values in rates.items():
            values.append(images_per_s(args.preset, at_once, args.seconds, device))
    alone = rates[args.at_once[0]]
    rows = {}
    for at_once, values in rates.items():
        ratios = [value / one for value, one in zip(values, alone, strict=True)]
        rows[at_once] = {"n": len(values), "images_per_s": values, "ratio": ratios}
        print(
            f"{at_once:3} at once: {statistics.median(values):9.0f} images/s, "
            f"{statistics.median(ratios):.2f} times {args.at_once[0]} "
            f"[{min(ratios):.2f}, {max(ratios):.2f}]"
        )
    about = {"preset": args.preset, "machine": machine(torch.device(device))}
    write(f"packing-{args.preset}", {**about, "rows": rows})


if __name__ == "__main__":
    main()
