"""Which sampler and which loss suit a preset: scores and seconds, seed by seed.

    python benchmarks/sampler_and_loss.py --dataset digits --epochs 36 --rank
    python benchmarks/sampler_and_loss.py --dataset mnist-small

Trains the DDPM without prior, with each loss and seed, and draws from the same weights by each
sampler. A second part asks whether samplers agree on which trial is better: it trains DDPMs of many
learning rates, with a prior and without, and ranks them by each sampler. What is written down
already (``benchmarks/data/sampler-and-loss-DATASET.json``) is not done again.
"""

import argparse
import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from side_by_side import DATA, machine, write

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run
from dipddpm.randomness import generator
from dipddpm.training import draw

LOSSES: dict[str, dict[str, Any]] = {
    "ε": {"prediction": "epsilon", "min_snr": 0.0},
    "v": {"prediction": "v", "min_snr": 0.0},
    "v, min-SNR 5": {"prediction": "v", "min_snr": 5.0},
}

FIRST = {"sampler_order": 1, "spacing": "time"}
SECOND = {"sampler_order": 2, "spacing": "log-snr"}
KINDS = {
    "ancestral": ({"eta": 1.0, **FIRST}, (10, 25, 50, 250)),
    "DDIM": ({"eta": 0.0, **FIRST}, (10, 25)),
    "DPM-Solver++(2M)": ({"eta": 0.0, **SECOND}, (10, 15)),
    "SDE-DPM-Solver++(2M)": ({"eta": 1.0, **SECOND}, (10, 15)),
}
SAMPLERS: dict[str, dict[str, Any]] = {
    f"{name}, {steps}": {**changes, "sampler_steps": steps}
    for name, (changes, several) in KINDS.items()
    for steps in several
}
"""The samplers by name, with their network evaluations."""

REFERENCE = "ancestral, 250"
"""The sampler whose ranking the others are held against."""

SCORES = ("fid", "kid", "precision", "recall")
SETTINGS = tuple(
    {"prior": prior, "std": std, "ddpm_lr": ddpm_lr}
    for (prior, std), ddpm_lr in itertools.product(
        (("none", 1.0), ("restorer", 0.2), ("restorer", 0.5), ("restorer", 1.0)),
        (2e-4, 5e-4, 1e-3, 2e-3, 5e-3),
    )
)
"""The trials that are ranked: what a search chooses from, and the baseline."""


def drawn(run: Run, samplers: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Draw from a trained run by each sampler; return scores, and seconds of this thread."""
    assert run.trainer is not None
    rows = {}
    for name, changes in samplers.items():
        start = time.thread_time()
        images = draw(
            run.trainer.ema.eval(),
            dataclasses.replace(run.config, **changes),
            run.scored_images,
            run.dataset.shape,
            generator(run.config.seed, name),
        )
        seconds = time.thread_time() - start
        scores = run.reference.score(images)
        rows[name] = {**{score: scores[score] for score in SCORES}, "seconds": seconds}
    return rows


def trained(config: RunConfig) -> Run:
    """Train a run to its end, evaluated once."""
    run = Run(dataclasses.replace(config, eval_every=config.epochs), "cpu")
    for _ in run.records():
        pass
    return run


def agreement(ranked: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return by sampler how its FIDs rank trials, against the reference sampler's.

    Kendall's τ over all trials, and the share of pairs with and without prior, of one learning
    rate, that are ordered alike.
    """
    reference = [row[REFERENCE]["fid"] for row in ranked]
    pairs = [
        (i, j)
        for (i, a), (j, b) in itertools.product(enumerate(SETTINGS), repeat=2)
        if a["prior"] != "none" == b["prior"] and a["ddpm_lr"] == b["ddpm_lr"]
    ]
    rows = {}
    for name in ranked[0]:
        fids = [row[name]["fid"] for row in ranked]
        alike = [(fids[i] < fids[j]) == (reference[i] < reference[j]) for i, j in pairs]
        tau = float(stats.kendalltau(fids, reference).statistic)
        rows[name] = {"tau": tau, "pairs_alike": sum(alike) / len(alike)}
    return rows


def main() -> None:
    """Train and draw what is not written down yet, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int, help="passes over the training images; the preset's")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rank", action="store_true", help="do the second part too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    base = preset("quick", dataset=args.dataset, data_dir=args.data_dir, prior="none")
    base = dataclasses.replace(base, epochs=args.epochs or base.epochs)
    name = f"sampler-and-loss-{args.dataset}"
    file: Path = DATA / f"{name}.json"
    result = json.loads(file.read_text()) if file.exists() else {"runs": {}, "ranked": []}
    result |= {"machine": machine(torch.device("cpu")), "epochs": base.epochs}
    for seed, (loss, changes) in itertools.product(range(args.seeds), LOSSES.items()):
        if (key := f"{loss}; {seed}") not in result["runs"]:
            config = dataclasses.replace(base, **changes, seed=seed)
            result["runs"][key] = drawn(trained(config), SAMPLERS)
            file.write_text(json.dumps(result))
            print(key, {n: round(r["fid"], 2) for n, r in result["runs"][key].items()}, flush=True)
    best = {n: s for n, s in SAMPLERS.items() if n == REFERENCE or "SDE" in n or n.endswith(" 25")}
    for changes in SETTINGS[len(result["ranked"]) :] if args.rank else ():
        config = dataclasses.replace(base, **LOSSES["v, min-SNR 5"], **changes)
        result["ranked"].append(drawn(trained(config), best))
        file.write_text(json.dumps(result))
        print(changes, {n: round(r["fid"], 2) for n, r in result["ranked"][-1].items()}, flush=True)
    if result["ranked"]:
        result["agreement"] = agreement(result["ranked"])
        print(json.dumps(result["agreement"], indent=1))
    write(name, result)


if __name__ == "__main__":
    main()
