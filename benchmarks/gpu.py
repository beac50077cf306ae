"""What a machine with a GPU does: all figures in one call of at most nine minutes, without Ray.

    python benchmarks/gpu.py                    # on mnist-small
    python benchmarks/gpu.py --data-dir DIR     # on MNIST
    python benchmarks/gpu.py --smoke            # all parts, tiny: also without a GPU

Measures images per second of training at several batch sizes, the stages of a whole trial, the
seconds until the FID is low enough, and how many trials at once the GPU takes. The last line is one
JSON object with all of it. What there was no time for is named in it, under ``left_out``.
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from packing import images_per_s
from side_by_side import machine

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run, dataset_of
from dipddpm.timing import now
from dipddpm.training import Trainer

LIMIT_S = 510.0  # no part begins or goes on later; what runs then may take half a minute to end
FIDS = (50.0, 20.0, 10.0, 5.0)

TINY = {"dip_steps": 3, "train_size": 256, "batch_size": 64, "width": 8, "dip_width": 8}
TINY |= {"epochs": 2, "eval_every": 1, "scored_images": 100, "sampler_steps": 3}


@dataclass(frozen=True)
class Plan:
    """How much of everything is measured.

    Attributes:
        trial: the settings of a whole trial; the other parts change them as they need.
        batch_sizes: those of the throughput.
        at_once: numbers of trials on the device.
        seconds: length of a measurement of images per second.
        curve_s: the most seconds of the part that trains until the FID is low.
        packed: the preset whose trials are run at once.
    """

    trial: RunConfig
    batch_sizes: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    at_once: tuple[int, ...] = (1, 2, 4, 8, 16)
    seconds: float = 5.0
    curve_s: float = 120.0
    packed: str = "original"


class OutOfTimeError(Exception):
    """The part has no time left; the message says how far it came."""


def until(deadline: float) -> Callable[[str, int, int], None]:
    """Return a progress callback that ends a run at a time of ``time.perf_counter``."""

    def progress(stage: str, done: int, total: int) -> None:
        if time.perf_counter() > deadline:
            raise OutOfTimeError(f"{stage} {done} of {total}")

    return progress


def throughput(plan: Plan, device: torch.device, deadline: float) -> dict[str, Any]:
    """Return images per second of training by batch size, with the peak of the device's memory."""
    images = dataset_of(plan.trial).train.images.to(device)
    rows = {}
    for size in plan.batch_sizes:
        config = dataclasses.replace(plan.trial, batch_size=size)
        trainer = Trainer(config, images, images)
        batches = [images[:size].roll(shift, 0) for shift in range(4)]
        for batch in batches:
            trainer.step(batch)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        start, steps = now(device), 0
        while not steps or time.perf_counter() < min(start + plan.seconds, deadline):
            trainer.step(batches[steps % len(batches)])
            steps += 1
        seconds = now(device) - start
        rows[size] = {"images_per_s": steps * size / seconds, "ms_per_step": 1e3 * seconds / steps}
        if device.type == "cuda":
            rows[size]["peak_mb"] = torch.cuda.max_memory_allocated(device) / 1e6
    return rows


def whole_trial(plan: Plan, device: torch.device, deadline: float) -> dict[str, Any]:
    """Return the seconds of a trial's stages, with one evaluation at its end."""
    config = dataclasses.replace(plan.trial, eval_every=plan.trial.epochs)
    start = now(device)
    (record,) = Run(config, str(device), until(deadline)).records()
    names = ("dip_time_s", "train_time_s", "sample_time_s", "score_time_s")
    seconds = {name: getattr(record, name) for name in names}
    return {"epochs": config.epochs, "fid": record.scores["fid"], **seconds} | {
        "wall_s": now(device) - start
    }


def time_to_quality(plan: Plan, device: torch.device, deadline: float) -> dict[str, Any]:
    """Return FID against seconds of training without prior, and when it first is at FIDS."""
    config = dataclasses.replace(plan.trial, prior="none", eval_every=1)
    deadline = min(deadline, time.perf_counter() + plan.curve_s)
    curve = []
    run = Run(config, str(device), until(deadline))
    try:
        for record in run.records():
            fid = record.scores["fid"]
            curve.append({"epoch": record.epoch, "train_s": record.train_time_s, "fid": fid})
            if fid <= FIDS[-1]:
                break
    except OutOfTimeError:
        pass  # the curve ends here, and says so by its last epoch
    reached = {
        f"{fid:g}": next((row["train_s"] for row in curve if row["fid"] <= fid), None)
        for fid in FIDS
    }
    floor = run.reference.fid_floor
    return {"n": run.scored_images, "fid_floor": floor, "train_s_to_fid": reached, "curve": curve}


def packing(plan: Plan, device: torch.device, deadline: float) -> dict[str, Any]:
    """Return images per second of all trials together, by their number."""
    rows = {}
    for at_once in plan.at_once:
        if time.perf_counter() > deadline - 60:  # processes take that long to start
            raise OutOfTimeError(f"{at_once} at once, after {rows}")
        rows[at_once] = images_per_s(plan.packed, at_once, plan.seconds, str(device))
        print(f"{at_once} at once: {rows[at_once]:.0f} images/s", file=sys.stderr)
    return {"images_per_s": rows, "mps": has_mps()}


def has_mps() -> bool:
    """Return whether NVIDIA's multi-process service answers here."""
    return Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"), "control").exists()


PARTS = {
    "throughput": throughput,
    "whole_trial": whole_trial,
    "time_to_quality": time_to_quality,
    "packing": packing,
}


def measure(plan: Plan, device: torch.device, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Measure all parts, or as many as there is time for."""
    began = time.perf_counter()
    deadline = began + limit_s
    result: dict[str, Any] = {"machine": machine(device), "dataset": plan.trial.dataset}
    left_out = {}
    for name, part in PARTS.items():
        print(f"{name}, after {time.perf_counter() - began:.0f} s", file=sys.stderr)
        if time.perf_counter() > deadline:
            left_out[name] = "not begun"
            continue
        try:
            result[name] = part(plan, device, deadline)
        except OutOfTimeError as error:
            left_out[name] = str(error)
    return {**result, "left_out": left_out, "seconds": time.perf_counter() - began}


def main() -> None:
    """Measure, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder that holds MNIST/raw; mnist-small without it")
    parser.add_argument("--smoke", action="store_true", help="all parts in seconds, tiny")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = "mnist" if args.data_dir else "mnist-small"
    changes = {"dataset": name, "data_dir": args.data_dir, **(TINY if args.smoke else {})}
    plan = Plan(preset("original", **changes))
    if args.smoke:
        plan = Plan(plan.trial, (32, 64), (1, 2), seconds=0.2, curve_s=10.0, packed="quick")
    print(json.dumps(measure(plan, device)))


if __name__ == "__main__":
    main()
