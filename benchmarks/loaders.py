"""What a batch of 128 MNIST images costs by each loader, in turns, in one process.

    python benchmarks/loaders.py --data-dir DIR

CPU time of the process is counted, since loading waits for nothing else: what other processes do
disturbs it less than time by the clock.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from recipes import BATCH_SIZE, loader_batches
from side_by_side import compare, machine, write
from torch import Tensor

from dipddpm.config import preset
from dipddpm.data import load_dataset
from dipddpm.training import Trainer

BATCHES = 20  # of each loader in a turn

NAMES = {
    "per-image": "as reported, DDPM alone: torchvision's code on this library's images",
    "tensor-dataset": "as reported, DIP→DDPM: DataLoader over a TensorDataset",
    "tensor": "this library: indexing",
}


def endless(batches: Callable[[], Iterator[Tensor]]) -> Iterator[Tensor]:
    """Yield the batches of one epoch after the other."""
    return itertools.chain.from_iterable(batches() for _ in itertools.count())


def main() -> None:
    """Measure, print and write ``data/loaders.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    images = load_dataset("mnist", args.data_dir).train.images
    loaders = {"torchvision's MNIST from its files": lambda: loader_batches(Path(args.data_dir))}
    for loader, name in NAMES.items():
        config = preset("original", prior="none", batch_size=BATCH_SIZE, loader=loader)
        trainer = Trainer(config, images, images)
        loaders[name] = trainer.batches
    iterators = {name: endless(batches) for name, batches in loaders.items()}
    for batches in iterators.values():
        next(batches)
    seconds: dict[str, list[float]] = {name: [] for name in iterators}
    for _ in range(args.repeats):
        for name, batches in iterators.items():
            start = time.process_time()
            for _ in range(BATCHES):
                next(batches)
            seconds[name].append((time.process_time() - start) / BATCHES)
    rows = compare(seconds, next(iter(seconds)))
    for name, row in rows.items():
        print(f"{name:70} {1000 * row['seconds']:7.3f} ms a batch, {row['n']} rounds")
    write("loaders", {"machine": machine(torch.device("cpu")), "rows": rows})


if __name__ == "__main__":
    main()
