"""Priors that see noisy images alone: how well they restore, how real it looks, what it takes.

    python benchmarks/denoisers.py --data-dir DIR

Each prior of the noisy regime is fitted to the same 1,000 noisy images and restores them. Seconds
are those of the process on its cores, so other work on the machine counts little.
"""

import argparse
import time
from typing import Any

import torch
from side_by_side import machine, write
from torch import Tensor

from dipddpm.config import RunConfig, preset
from dipddpm.corruption import corrupt
from dipddpm.data import Dataset, load_dataset
from dipddpm.feature_store import load_features
from dipddpm.prior_stage import observe
from dipddpm.priors import PRIORS, make_prior
from dipddpm.priors.classical import Classical
from dipddpm.quality import Reference, fid, psnr
from dipddpm.randomness import generator

IMAGES = 1000
STDS = (0.2, 0.5, 1.0)
CLASSICAL = [name for name, prior in PRIORS.items() if issubclass(prior, Classical)]
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "digits": {
        "restorer": {"dip_lr": 3e-3, "dip_steps": 1000},
        "dip": {"dip_lr": 1e-2, "dip_steps": 300, "prior_size": IMAGES},
    },
    "mnist": {
        "restorer": {"dip_lr": 3e-3, "dip_steps": 1000, "dip_batch_size": 64, "dip_width": 32},
    },
}
"""How the network priors are fitted; the classical ones set themselves.

On MNIST a step of prior dip's thousand networks alone takes 1.5 s, so it is left out there.
"""


def restored(config: RunConfig, noisy: Tensor) -> tuple[Tensor, float]:
    """Return the images that a prior makes of noisy ones, and the process's seconds."""
    began = time.process_time()
    prior = make_prior(config, noisy)
    prior.fit()
    images = prior.restore(noisy)
    return images, time.process_time() - began


def rows_of(name: str, dataset: Dataset, std: float) -> list[dict[str, Any]]:
    """Return a row per prior: PSNR against the clean images, FID against held-out ones."""
    clean = dataset.train.images[:IMAGES]
    reference = Reference(dataset, load_features(dataset), IMAGES)

    def noised(images: Tensor, purpose: str) -> Tensor:
        """Return the features of images to which the noise is added."""
        return reference.extract(corrupt(images, std, generator(0, "corrupted", purpose)))

    noisy_real = noised(reference.real, "held out")
    others = dataset.test.images[:IMAGES]
    rows = []
    for prior in ("none", *SETTINGS[name], *CLASSICAL):
        settings = SETTINGS[name].get(prior, {})
        config = preset("quick", dataset=name, prior=prior, regime="noisy", std=std, **settings)
        images, seconds = restored(config, observe(clean, config, "train"))
        row = {
            "dataset": name,
            "std": std,
            "prior": prior,
            "psnr": psnr(images, clean),
            "fid": fid(reference.real_features, reference.extract(images)),
            "fid_floor": reference.fid_floor,
            "fid_corrupted": fid(noisy_real, noised(images, "drawn")),
            "fid_corrupted_floor": fid(noisy_real, noised(others, "drawn")),
            "process_s": seconds,
        }
        print(f"{name}, std {std:g}, {prior}: {row['psnr']:.2f} dB, FID {row['fid']:.1f}")
        rows.append(row)
    return rows


def main() -> None:
    """Measure all priors on both data sets and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in SETTINGS:
        dataset = load_dataset(name, args.data_dir if name == "mnist" else None)
        for std in STDS:
            rows += rows_of(name, dataset, std)
    write("denoisers", {"machine": machine(torch.device("cpu")), "images": IMAGES, "rows": rows})


if __name__ == "__main__":
    main()
