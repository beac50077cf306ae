"""What makes two runs differ: training, which images were drawn, or which real ones score them?

    python benchmarks/pair_noise.py --seeds 4

Trains the leading conditions of a confirmation on ``mnist-small`` (the quick preset, settings that
a search of 30 trials has found) and draws 3,600 images of each run, by random numbers that the runs
of a seed share. Of the logarithm of a pair's FID ratio it tells the deviation from seed to seed and
how much of its variance is which images were drawn; how much it moves when the real test images are
drawn anew (bootstrap); and the ratio by other features, a network trained on other tasks. The
images are kept in ``--folder``; a run that is there is not repeated. It takes 40 CPU-seconds a run.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import write
from torch import Tensor

from dipddpm.config import preset
from dipddpm.feature_store import load_features
from dipddpm.feature_training import train_features
from dipddpm.features import Features
from dipddpm.pipeline import Run, dataset_of
from dipddpm.quality import fid
from dipddpm.randomness import generator
from dipddpm.training import draw

BEST = {"dip_lr": 2.36e-3, "ddpm_lr": 1.37e-3, "std": 0.358}
CONDITIONS: dict[str, dict[str, Any]] = {
    "no prior, tuned": {"prior": "none", "ddpm_lr": 2.74e-3},
    "the best trial": BEST,
    "no prior, as the best trial": {**BEST, "prior": "none"},
}
PAIRS = (
    ("the best trial", "no prior, tuned"),
    ("the best trial", "no prior, as the best trial"),
    ("no prior, as the best trial", "no prior, tuned"),
)
BLOCK, BLOCKS = 300, 12
SIZES = (300, 1200, 3600)
FIRST_SEED = 101
RESAMPLED = 40


def images_of(condition: str, seed: int, folder: Path) -> Tensor:
    """Return the images of a run, drawn now or before: (3600, 1, 28, 28) in [-1, 1]."""
    file = folder / f"{condition}-{seed}.npz"
    if not file.exists():
        config = preset(
            "quick", seed=seed, score_split="test", eval_every=4, **CONDITIONS[condition]
        )
        run = Run(config, "cpu")
        list(run.records())
        assert run.trainer is not None
        ema = run.trainer.ema.eval()
        blocks = [
            draw(ema, config, BLOCK, run.dataset.shape, generator(seed, f"block {number}"))
            for number in range(BLOCKS)
        ]
        pixels = (torch.cat(blocks) * 127.5 + 127.5).round().byte().numpy()
        np.savez_compressed(file, images=pixels)
        print(file, flush=True)
    return torch.from_numpy(np.load(file)["images"]).float() / 127.5 - 1


@torch.no_grad()
def extract(features: Features, images: Tensor) -> Tensor:
    """Return the features of images, some at a time."""
    return torch.cat([features.net.features(part) for part in images.split(600)])


def log_fids(real: Tensor, drawn: dict[int, Tensor], size: int) -> np.ndarray:
    """Return log FID by seed and part, where each part has ``size`` of the drawn images."""
    parts = [[fid(real, part) for part in all_.split(size)] for all_ in drawn.values()]
    return np.log(np.array(parts))


def pair_row(real: Tensor, a: dict[int, Tensor], b: dict[int, Tensor]) -> dict[str, Any]:
    """Return what a pair's log ratio varies by, from the features of both conditions by seed."""
    row: dict[str, Any] = {"seeds": len(a)}
    for size in SIZES:
        ratios = log_fids(real, a, size) - log_fids(real, b, size)  # (seeds, parts)
        row[f"ratio_{size}"] = float(np.exp(ratios.mean()))
        row[f"deviation_{size}"] = float(np.sqrt(ratios.var(0, ddof=1).mean()))
        if ratios.shape[1] > 1:
            row[f"drawn_{size}"] = float(np.sqrt(ratios.var(1, ddof=1).mean()))
    rng, first = np.random.default_rng(0), min(a)
    resampled = []
    for _ in range(RESAMPLED):
        anew = real[torch.from_numpy(rng.integers(len(real), size=len(real)))]
        resampled.append(np.log(fid(anew, a[first]) / fid(anew, b[first])))
    row["real"] = float(np.std(resampled, ddof=1))
    return row


def main() -> None:
    """Train and draw what is not there yet, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=Path("results/pair-noise"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    dataset = dataset_of(preset("quick"))
    networks = {"shipped": load_features(dataset), "other": train_features(dataset)}
    seeds = range(FIRST_SEED, FIRST_SEED + args.seeds)
    found: dict[str, dict[str, dict[int, Tensor]]] = {name: {} for name in networks}
    for condition in CONDITIONS:
        images = {seed: images_of(condition, seed, args.folder) for seed in seeds}
        for name, features in networks.items():
            found[name][condition] = {s: extract(features, drawn) for s, drawn in images.items()}
    real = {name: extract(of, dataset.test.images) for name, of in networks.items()}
    rows = []
    for a, b in PAIRS:
        row = {"condition": a, "baseline": b}
        row |= pair_row(real["shipped"], found["shipped"][a], found["shipped"][b])
        other = (log_fids(real["other"], found["other"][c], SIZES[-1]) for c in (a, b))
        one, two = (values.ravel() for values in other)
        row["ratio_other"] = float(np.exp((one - two).mean()))
        row["deviation_other"] = float((one - two).std(ddof=1))
        rows.append(row)
        print(row, flush=True)
    about = {name: of.description for name, of in networks.items()}
    write("pair-noise", {"features": about, "rows": rows})


if __name__ == "__main__":
    main()
