"""Deep Image Priors image by image: how near does each stopping rule come to the best step?

    python benchmarks/stopping.py

Every image is restored at each step of a fit that goes on far too long. Its *best* is the highest
PSNR of that course, which needs the clean image. Each rule names a step from the noisy images and
the known deviation of their noise. The classical denoisers restore the same images.

A rule becomes the default of ``dip_stop`` if its PSNR is higher than that of moving variance for
every noise (95 % intervals over images), and its fit of ``prior_size`` images takes no more steps.
Learning rates were chosen on other images, of the start split.
"""

import argparse
import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import torch
from side_by_side import machine, write
from torch import Tensor

from dipddpm.config import RunConfig, preset
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import load_dataset
from dipddpm.grey_values import clean_quantiles
from dipddpm.prior_stage import observe
from dipddpm.priors import PRIORS, DeepImagePrior, make_prior
from dipddpm.priors.classical import Classical
from dipddpm.priors.deep_image_prior import SIMULATED
from dipddpm.randomness import generator

IMAGES = 24
OTHERS = 1000  # images from which the classical denoisers learn, those 24 among them
STDS = (0.2, 0.5, 1.0)
STEPS = 250
DIP_LR = {"code": 1e-2, "output": 3e-3}
HIDDEN = 0.1  # share of the pixels that the rule "hidden pixels" keeps from the networks
CLASSICAL = [name for name, prior in PRIORS.items() if issubclass(prior, Classical)]


def noisy_images(std: float) -> tuple[RunConfig, Tensor, Tensor]:
    """Return the settings of a noise, and images without and with it: (OTHERS, 1, 28, 28)."""
    config = preset("quick", regime="noisy", std=std)
    clean = load_dataset("mnist-small").train.images[:OTHERS]
    return config, clean, observe(clean, config, "train")


def dip(config: RunConfig, dip_input: str) -> RunConfig:
    """Return the settings of a Deep Image Prior that goes on far too long."""
    how = {"dip_input": dip_input, "dip_lr": DIP_LR[dip_input], "dip_stop": "variance"}
    return dataclasses.replace(config, prior="dip", dip_steps=STEPS, **how)


def psnr_each(images: Tensor, clean: Tensor) -> Tensor:
    """Return the PSNR of each image in dB: (N,)."""
    return -10 * ((images - clean).square().flatten(1).mean(dim=1) / 4).log10()


def noise_variance(noisy: Tensor, std: float) -> float:
    """Return the mean variance of clipped noise on [-1, 1], over the grey values of clean pixels.

    Their distribution is estimated from the noisy ones; the variance of each is taken by drawing.
    """
    clean = torch.from_numpy(clean_quantiles(noisy, std))
    draws = corrupt(clean.expand(2000, -1), std, generator(0, "variance of clipped noise"))
    return float(draws.var(dim=0).mean())


class HiddenPixels(DeepImagePrior):
    """A Deep Image Prior from which some pixels are hidden, by which its steps are judged."""

    def __init__(self, config: RunConfig, images: Tensor) -> None:
        super().__init__(config, images)
        drawn = torch.rand(images.shape, generator=generator(config.seed, "hidden pixels"))
        self.shown = (drawn >= HIDDEN).to(images.dtype)

    def error(self, outputs: Tensor) -> Tensor:
        squares = (outputs - self.images).square() * self.shown
        return squares.flatten(1).sum(dim=1) / self.shown.flatten(1).sum(dim=1)

    def hidden_error(self) -> Tensor:
        """Return the mean squared error of the average on the hidden pixels: (N,)."""
        hidden = 1 - self.shown
        squares = (self.average - self.images).square() * hidden
        return squares.flatten(1).sum(dim=1) / hidden.flatten(1).sum(dim=1)


@dataclass(frozen=True)
class Course:
    """A fit of all steps: what it restores at each of them, and what rules go by.

    Attributes:
        psnr: of each image after each step, in dB: (steps, N).
        residual: mean squared distance to the noisy image: (steps, N).
        hidden_error: the same of the hidden pixels, empty if none are: (steps, N).
        step_s: seconds of the process per step and image.
    """

    psnr: Tensor
    residual: Tensor
    hidden_error: Tensor
    step_s: float


def course(prior: DeepImagePrior, clean: Tensor) -> Course:
    """Fit a prior by all steps and look at each; looking does not count as time."""
    seconds, ratios, residuals, hidden = 0.0, [], [], []
    for _ in range(STEPS):
        began = time.process_time()
        prior.step()
        seconds += time.process_time() - began
        ratios.append(psnr_each(undo_clipping(prior.average, prior.config.std), clean))
        residuals.append((prior.average - prior.images).square().flatten(1).mean(dim=1))
        if isinstance(prior, HiddenPixels):
            hidden.append(prior.hidden_error())
    return Course(
        torch.stack(ratios).detach(),
        torch.stack(residuals).detach(),
        torch.stack(hidden or [torch.zeros(0)]).detach(),
        seconds / STEPS / len(clean),
    )


def first(holds: Tensor) -> Tensor:
    """Return the first step at which something holds for each image, the last if none: (N,)."""
    return torch.where(holds.any(dim=0), holds.int().argmax(dim=0), len(holds) - 1)


def rules(config: RunConfig, noisy: Tensor, clean: Tensor) -> list[dict[str, Any]]:
    """Return by rule each image's PSNR and best PSNR in dB, its step, and what the fit takes.

    ``steps`` and ``process_s`` are those per image of a fit to ``prior_size`` images.
    """
    prior, hiding = DeepImagePrior(config, noisy), HiddenPixels(config, noisy)
    whole, blind = course(prior, clean), course(hiding, clean)
    rows = []

    def add(rule: str, seen: Course, stop: Tensor, steps: float) -> None:
        rows.append(
            {
                "std": config.std,
                "prior": config.dip_input,
                "rule": rule,
                "psnr": seen.psnr[stop, torch.arange(len(clean))].tolist(),
                "best": whole.psnr.max(dim=0).values.tolist(),
                "stop": (stop + 1).tolist(),
                "steps": steps,
                "process_s": steps * whole.step_s,
            }
        )

    def waited(stop: Tensor) -> int:
        """Return after how many steps the last image has waited long enough for a better one."""
        return min(int(stop.max()) + 1 + prior.patience, STEPS)

    of_all = torch.zeros(len(clean), dtype=torch.long)
    add("best step of each", whole, whole.psnr.argmax(dim=0), STEPS)
    add("best step for all", whole, of_all + whole.psnr.mean(dim=1).argmax(), STEPS)
    add("last step", whole, of_all + STEPS - 1, STEPS)
    add("moving variance", whole, prior.best_step, waited(prior.best_step))
    stop = first(whole.residual <= noise_variance(noisy, config.std))
    add("discrepancy", whole, stop, int(stop.max()) + 1)
    add("hidden pixels", blind, blind.hidden_error.argmin(dim=0), STEPS)
    stop = of_all + prior.simulated_stop() - 1
    few = waited(prior.best_step[:SIMULATED]) + waited(stop)
    add("simulation", whole, stop, int(stop[0]) + 1 + few * SIMULATED / config.prior_size)
    return rows


def classical(config: RunConfig, noisy: Tensor, clean: Tensor) -> list[dict[str, Any]]:
    """Return the same of the classical denoisers, which are fitted to all noisy images."""
    rows = []
    for name in CLASSICAL:
        began = time.process_time()
        prior = make_prior(dataclasses.replace(config, prior=name), noisy)
        prior.fit()
        images = prior.restore(noisy)
        seconds = (time.process_time() - began) / len(noisy)
        ratios = psnr_each(images[: len(clean)], clean).tolist()
        rows.append(
            {"std": config.std, "prior": name, "rule": "", "psnr": ratios, "process_s": seconds}
        )
    return rows


def main() -> None:
    """Measure all rules and write the result."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    rows = []
    for std in STDS:
        config, clean, noisy = noisy_images(std)
        for name in DIP_LR:
            rows += rules(dip(config, name), noisy[:IMAGES], clean[:IMAGES])
        rows += classical(config, noisy, clean[:IMAGES])
        for row in rows:
            if row["std"] == std:
                print(
                    f"std {std:g}, {row['prior']} {row['rule']}: {sum(row['psnr']) / IMAGES:.2f} dB"
                )
    write("stopping", {"machine": machine(torch.device("cpu")), "images": IMAGES, "rows": rows})


if __name__ == "__main__":
    main()
