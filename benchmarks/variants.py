"""Every prior, regime and way of sampling on one data set: scores, seconds and contact sheets.

``python benchmarks/variants.py --dataset mnist --data-dir DIR --out variants`` trains a DDPM for
each prior and regime and samples it in several ways. One seed each: a look, not a verdict. What
is in the folder already is not repeated.
"""

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dipddpm.config import REGIMES, UNTIL_ADDED, RunConfig
from dipddpm.images import contact_sheet
from dipddpm.pipeline import NUM_PICTURES, Run
from dipddpm.priors import PRIORS
from dipddpm.randomness import generator
from dipddpm.training import draw, in_turn

SAMPLERS: dict[str, dict[str, Any]] = {
    "DDIM, 10 steps": {"eta": 0.0, "sampler_steps": 10},
    "DDIM, 50 steps": {"eta": 0.0, "sampler_steps": 50},
    "η 1, 50 steps": {"eta": 1.0, "sampler_steps": 50},
    "ancestral, 250 steps": {"eta": 1.0, "sampler_steps": 250},
    "ancestral, 250 steps, variance β": {"eta": 1.0, "sampler_steps": 250, "variance": "beta"},
    "from prior at t₀ = 600, 30 steps": {"sampler_steps": 50, "start_step": 600},
    "from prior at t₀ = 300, 15 steps": {"sampler_steps": 50, "start_step": 300},
    "from prior at t₀ = 100, 5 steps": {"sampler_steps": 50, "start_step": 100},
}

COLUMNS = (
    *("variant", "fid", "fid_floor", "fid_noise", "kid", "precision", "recall", "contrast"),
    *("nearest_train", "nearest_source", "dip_psnr_noisy", "dip_psnr", "dip_time_s"),
    *("train_time_s", "sample_time_s", "scored_images"),
)


def variants(base: RunConfig) -> Iterator[tuple[str, RunConfig]]:
    """Yield the name and configuration of a DDPM per regime and prior, at the base's sampler."""
    for regime in REGIMES:
        for prior, kind in PRIORS.items():
            changes = {"regime": regime, "prior": prior, "start_step": 300}
            if not kind.amortised:  # a sixteenth of the images: as many steps all the same
                epochs = base.epochs * (base.train_size or 1000) // base.prior_size
                changes |= {"dip_lr": 1e-2, "epochs": epochs, "eval_every": epochs}
            yield f"{regime}, {prior}", dataclasses.replace(base, **changes)
    yield "clean, none, v", dataclasses.replace(base, prior="none", prediction="v", start_step=300)


def samplings(run: Run) -> Iterator[tuple[str, dict[str, Any], Tensor]]:
    """Draw from a trained run in each way; yield the name, scores and seconds, and images."""
    assert run.trainer is not None
    assert run.restoration is not None
    start, num, shape = run.restoration.start, run.scored_images, run.dataset.shape
    for name, changes in SAMPLERS.items():
        config = dataclasses.replace(run.config, **{"start_step": None, **changes})
        sources = in_turn(start, num) if config.start_step else None
        began = time.perf_counter()
        images = draw(run.trainer.ema, config, num, shape, generator(0, name), sources)
        seconds = time.perf_counter() - began
        scores = run.reference.score(images, sources)
        yield name, {**scores, "sample_time_s": seconds}, images


def main() -> None:
    """Train and draw what the folder lacks, and score it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", help="variants whose name begins so")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    base = RunConfig(
        dataset=args.dataset,
        data_dir=args.data_dir,
        train_size=4000 if args.dataset == "mnist" else None,
        std=0.5,
        dip_lr=3e-3,
        dip_steps=300,
        prediction="epsilon",
        ddpm_lr=2e-3,
        epochs=8,
        eval_every=8,
        scored_images=500,
        sampler_steps=50,
        **UNTIL_ADDED,
    )
    for name, config in variants(base):
        rows_file = args.out / f"{name}.json"
        if rows_file.exists() or not name.startswith(args.only or ""):
            continue
        run = Run(config, "cpu")
        (last,) = run.records()
        for stage, images in run.pictures().items():
            contact_sheet(images).save(args.out / f"{name} - {stage}.png")
        rows = []
        for sampler, scores, images in samplings(run):
            label = f"{name}; {sampler}"
            rows.append({**last.row(), **scores, "variant": label})
            contact_sheet(images[:NUM_PICTURES]).save(args.out / f"{label}.png")
            print(f"{label}: fid {scores['fid']:.1f}, {scores['sample_time_s']:.1f} s", flush=True)
        rows_file.write_text(json.dumps(rows))
    with (args.out / "variants.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for rows_file in sorted(args.out.glob("*.json")):
            writer.writerows(json.loads(rows_file.read_text()))


if __name__ == "__main__":
    main()
