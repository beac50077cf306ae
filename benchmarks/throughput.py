"""Training throughput: this library's loop against what a user would run instead.

    python benchmarks/throughput.py --data-dir DIR [--compile]

Batches of 128 MNIST images, in turns, in one process. Beside the seconds of a step stand its
floating-point operations and bytes, and what the machine's measured matmul rate and copy bandwidth
would need for them.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import torch
from recipes import BATCH_SIZE, RECIPES, count_parameters, loader_batches
from side_by_side import compare, machine, write
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dipddpm.data import load_dataset
from dipddpm.timing import interleaved


class ByteCounter(TorchDispatchMode):
    """A counter of the bytes that operations other than views read and write, cached or not."""

    total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        result = function(*args, **(kwargs or {}))
        if not function.is_view:
            for leaf in tree_leaves((args, kwargs, result)):
                if isinstance(leaf, torch.Tensor):
                    self.total += leaf.numel() * leaf.element_size()
        return result


def rates(device: torch.device) -> tuple[float, float]:
    """Return the FLOP/s of a large float32 matmul, and the bytes/s of a copy (read and written)."""
    a, big = torch.randn(2048, 2048, device=device), torch.randn(1 << 26, device=device)
    other = torch.empty_like(big)
    seconds = interleaved({"matmul": lambda: a @ a, "copy": lambda: other.copy_(big)}, 5, device)
    return 2 * 2048**3 / min(seconds["matmul"]), 2 * big.nbytes / min(seconds["copy"])


def main() -> None:
    """Measure a training step of each side and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="steps per repeat")
    parser.add_argument("--compile", action="store_true", help="ours by torch.compile as well")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = load_dataset("mnist", args.data_dir).train.images[:BATCH_SIZE].to(device)

    trained = {name: make(0, device) for name, make in RECIPES.items()}
    work = {name: lambda recipe=recipe: recipe.step(batch) for name, recipe in trained.items()}
    batches = itertools.chain.from_iterable(
        loader_batches(Path(args.data_dir)) for _ in itertools.count()
    )
    loop = RECIPES["original"](0, device)
    work["original, per-image loader"] = lambda: loop.step(next(batches).to(device))
    work["loader alone"] = lambda: next(batches).to(device)
    if args.compile:
        compiled = RECIPES["ours"](0, device)
        compiled.trainer.model = torch.compile(compiled.model)
        work["ours, compiled"] = lambda: compiled.step(batch)
    rows = compare(interleaved(work, args.repeats, device, args.steps), "original")

    flop_rate, bandwidth = rates(device)
    for name, recipe in trained.items():
        with FlopCounterMode(display=False) as flops, ByteCounter() as moved:
            recipe.step(batch)
        compute_s, memory_s = flops.get_total_flops() / flop_rate, moved.total / bandwidth
        rows[name] |= {
            "parameters": count_parameters(recipe.model),
            "gflop": flops.get_total_flops() / 1e9,
            "gbytes": moved.total / 1e9,
            "share_of_limit": max(compute_s, memory_s) / rows[name]["seconds"],
        }
    print(f"{'':26} {'s/step':>8} {'images/s':>9} {'against original':>16} {'of limit':>9}")
    for name, row in rows.items():
        low, high = row["speedup_range"]
        limit = f"{row['share_of_limit']:.0%}" if "share_of_limit" in row else ""
        print(
            f"{name:26} {row['seconds']:8.4f} {BATCH_SIZE / row['seconds']:9.0f} "
            f"{row['speedup']:6.2f} [{low:.2f}, {high:.2f}] {limit:>7}"
        )
    print(f"matmul {flop_rate / 1e9:.0f} GFLOP/s, copy {bandwidth / 1e9:.1f} GB/s")
    limits = {"matmul_flops_per_s": flop_rate, "copy_bytes_per_s": bandwidth}
    write("throughput", {"machine": machine(device), **limits, "rows": rows})


if __name__ == "__main__":
    main()
