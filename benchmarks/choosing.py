"""Does the score that chooses among noisy images rank settings as clean images do?

    python benchmarks/choosing.py

In the noisy regime ``fid_corrupted`` chooses and ``fid`` judges. Settings are drawn from the
search's intervals, each is run for a few epochs on digits, and the ranks of both are compared. KID,
which sees clean images too, tells how far two clean scores agree. Before that, held-out digits are
damaged, to see which features tell.
"""

import argparse
import dataclasses
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from side_by_side import machine, write
from torch.nn import functional as F

from dipddpm.config import RunConfig, preset
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.feature_store import load_features
from dipddpm.noisy_quality import NoisyReference, as_observed
from dipddpm.pipeline import Run
from dipddpm.quality import noise_like
from dipddpm.randomness import generator
from study.problem.search_space import SEARCHABLE

SETTINGS = 12
EPOCHS = 2
STDS = (0.5,)
SEARCHED = ("dip_lr", "ddpm_lr")
PAIRS = (("fid", "fid_corrupted"), ("kid", "fid_corrupted"), ("fid", "kid"))
RESAMPLES = 10_000


def damage() -> dict[str, dict[str, float]]:
    """Return the FID with noise of damaged digits, in that of undamaged ones, by features."""
    digits = load_dataset("digits")
    noisy, real, labels = as_observed(digits, STDS[0]), digits.test.images, digits.test.labels
    five = real[labels < 5]
    damaged = {
        "noisy already": corrupt(real, STDS[0], generator(0, "damage")),
        "blurred": F.avg_pool2d(real, 3, 1, 1, count_include_pad=False),
        "five classes missing": five.repeat(3, 1, 1, 1)[: len(real)],
        "noise": noise_like(real, len(real)),
    }
    found = {}
    for name, features in {
        "noisy images": load_features(noisy),
        "clean images (shipped)": load_features(digits),
    }.items():
        reference = NoisyReference(noisy, features, len(real), "validation", STDS[0])
        whole = reference.fid(real)
        found[name] = {what: reference.fid(images) / whole for what, images in damaged.items()}
        print(name, {what: round(times, 2) for what, times in found[name].items()}, flush=True)
    return found


def drawn_settings(config: RunConfig) -> list[RunConfig]:
    """Return the run with settings drawn log-uniformly from the intervals of the search."""
    rng = np.random.default_rng(0)
    logs = {name: np.log(SEARCHABLE[name].interval(config)) for name in SEARCHED}
    return [
        dataclasses.replace(
            config, **{name: float(np.exp(rng.uniform(*ends))) for name, ends in logs.items()}
        )
        for _ in range(SETTINGS)
    ]


def rows_of(std: float) -> list[dict[str, Any]]:
    """Return a row per setting: what was drawn, and the scores after the last epoch."""
    changes = {"prior": "restorer", "epochs": EPOCHS, "eval_every": EPOCHS}
    rows = []
    for config in drawn_settings(
        preset("quick", dataset="digits", regime="noisy", std=std, **changes)
    ):
        (record,) = Run(config, "cpu").records()
        names = ("fid", "fid_floor", "fid_noise", "kid", "fid_corrupted", "fid_corrupted_floor")
        scores = {name: record.row()[name] for name in names}
        rows.append({name: getattr(config, name) for name in SEARCHED} | scores)
        print(f"std {std:g}: " + ", ".join(f"{k} {v:.3g}" for k, v in rows[-1].items()), flush=True)
    return rows


def agreement(a: list[float], b: list[float]) -> dict[str, float]:
    """Return Kendall's tau of two scores, with a 95 % bootstrap interval over the settings."""
    rng, pairs = np.random.default_rng(0), np.array([a, b])
    drawn = rng.integers(len(a), size=(RESAMPLES, len(a)))
    taus = [kendalltau(*pairs[:, each]).statistic for each in drawn]
    low, high = np.nanquantile(taus, (0.025, 0.975))
    return {"tau": float(kendalltau(a, b).statistic), "low": float(low), "high": float(high)}


def summary(std: float, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how well the scores agree, and what the choice costs in FID."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    chosen = int(np.argmin(columns["fid_corrupted"]))
    return {
        "std": std,
        "agreement": [{"of": pair, **agreement(*(columns[n] for n in pair))} for pair in PAIRS],
        "fid_of_chosen": columns["fid"][chosen],
        "fid_of_best": min(columns["fid"]),
        "fid_noise": columns["fid_noise"][0],
        "fid_median": float(np.median(columns["fid"])),
        "rows": rows,
    }


def main() -> None:
    """Run all settings at each noise; write the result after each."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    about: dict[str, Any] = {
        "machine": machine(torch.device("cpu")),
        "dataset": "digits",
        "epochs": EPOCHS,
    }
    about |= {"damage": damage(), "damage_std": STDS[0]}
    noises = []
    for std in STDS:
        noises.append(summary(std, rows_of(std)))
        write("choosing", {**about, "noises": noises})


if __name__ == "__main__":
    main()
