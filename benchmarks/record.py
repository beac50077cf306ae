"""Curves that take hours, recorded once: quality against steps of what a user would run instead.

    python benchmarks/record.py ddpm original --seed 0 --data-dir DIR
    python benchmarks/record.py dip --data-dir DIR

Nothing here is timed, so it may run beside other work; the seconds of a step are measured by the
benchmarks that read these tables. A recording that was cut off goes on where its last state was
saved (``benchmarks/data/*.state``, not committed).
"""

import argparse
import csv
import json
from pathlib import Path

import recipes
import torch
from side_by_side import DATA
from torch import Tensor

from dipddpm import diffusion
from dipddpm.corruption import corrupt
from dipddpm.data import Dataset, load_dataset
from dipddpm.feature_store import load_features
from dipddpm.quality import Reference, psnr, ssim

SCORED_IMAGES = 1000
SAMPLER_STEPS = 50  # of DDIM
STD, DIP_LR, DIP_STEPS = 1.0, 1e-3, 3500  # the original's
SCORES = ("fid", "kid", "precision", "recall", "contrast")


def record_ddpm(name: str, seed: int, epochs: int, dataset: Dataset) -> None:
    """Record the scores after each epoch (and parts of the first) in ``mnist-NAME-SEED.csv``."""
    device = torch.device("cpu")
    reference = Reference(dataset, load_features(dataset), SCORED_IMAGES)
    schedule = diffusion.make_schedule("linear", recipes.TIMESTEPS)
    recipe = recipes.RECIPES[name](seed, device)
    table = Table(DATA / f"mnist-{name}-{seed}.csv", ("epoch", "step", "loss", *SCORES))
    step = table.resume(recipe)
    images = dataset.train.images
    per_epoch = len(images) // recipes.BATCH_SIZE
    evaluated = {per_epoch // 4, per_epoch // 2} | {per_epoch * (e + 1) for e in range(epochs)}
    losses = []
    for epoch in range(epochs):
        order = torch.Generator().manual_seed(1000 * seed + epoch)
        for number, batch in enumerate(recipes.tensor_batches(images, order), epoch * per_epoch):
            if number < step:
                continue
            losses.append(recipe.step(batch))
            step += 1
            if step % 50 == 0:
                print(f"{name} {seed}: step {step} of {epochs * per_epoch}, {losses[-1]:.4f}")
            if step in evaluated:
                rng = torch.Generator().manual_seed(seed)
                x = torch.randn(SCORED_IMAGES, *images.shape[1:], generator=rng)
                timesteps = schedule.timesteps(SAMPLER_STEPS)
                samples = diffusion.sample(
                    recipe.denoiser,
                    schedule,
                    x,
                    timesteps,
                    eta=0.0,
                    generator=rng,
                    prediction=recipe.prediction,
                )
                recipe.model.train()
                scores = reference.score(samples)
                row = {key: scores[key] for key in SCORES}
                loss = sum(losses) / len(losses)
                table.add({"epoch": step / per_epoch, "step": step, "loss": loss, **row}, recipe)
                losses = []


def held_out_pair(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return images that no DIP stage is fitted to, clean and noisy: (N, 1, 28, 28) each."""
    clean = dataset.validation.images[:SCORED_IMAGES]
    return clean, corrupt(clean, STD, torch.Generator().manual_seed(1))


def record_dip(dataset: Dataset) -> None:
    """Record loss and held-out PSNR over the original's 3,500 DIP steps in ``dip-original.csv``."""
    recipe = recipes.OriginalDIP(dataset.train.images[: recipes.BATCH_SIZE], STD, DIP_LR, 0)
    recipe.model.to(memory_format=torch.channels_last)  # the same sums, a seventh sooner
    held_out, noisy = held_out_pair(dataset)
    table = Table(DATA / "dip-original.csv", ("step", "loss", "psnr", "ssim"))
    for step in range(table.resume(recipe) + 1, DIP_STEPS + 1):
        loss = recipe.step()
        if step % (25 if step <= 500 else 100) == 0:
            restored = recipe.restore(noisy).clamp(-1, 1)
            row = {"loss": loss, "psnr": psnr(restored, held_out), "ssim": ssim(restored, held_out)}
            table.add({"step": step, **row}, recipe)


class Table:
    """A CSV file that grows, with the state behind its last row beside it."""

    def __init__(self, file: Path, columns: tuple[str, ...]) -> None:
        self.file, self.state, self.columns = file, file.with_suffix(".state"), columns

    def resume(self, recipe: recipes.Recipe) -> int:
        """Load the state of the last row, if there is one; return its step, or 0."""
        if not self.state.exists():
            if self.file.exists():
                raise SystemExit(
                    f"{self.file} holds a curve whose state {self.state.name} is gone, so it "
                    "cannot be gone on with; move the file away to record it anew"
                )
            with self.file.open("w", newline="") as file:
                csv.DictWriter(file, self.columns).writeheader()
            return 0
        saved = torch.load(self.state, weights_only=False)
        recipe.load_state_dict(saved["recipe"])
        torch.set_rng_state(saved["rng"])
        return saved["step"]

    def add(self, row: dict[str, float], recipe: recipes.Recipe) -> None:
        """Append a row and replace the state beside the table."""
        with self.file.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)
        state = {"recipe": recipe.state_dict(), "rng": torch.get_rng_state(), "step": row["step"]}
        temporary = self.state.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self.state)
        print(json.dumps(row), flush=True)


def main() -> None:
    """Record the curve that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("ddpm", "dip"))
    parser.add_argument("recipe", nargs="?", choices=recipes.RECIPES, default="original")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--data-dir")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dataset = load_dataset("mnist", args.data_dir)
    if args.what == "dip":
        record_dip(dataset)
    else:
        record_ddpm(args.recipe, args.seed, args.epochs, dataset)


if __name__ == "__main__":
    main()
