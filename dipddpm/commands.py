"""The work of ``python -m dipddpm``: restore and sample. Each command fills a new folder."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from dipddpm.checkpoint import load_weights
from dipddpm.config import RunConfig
from dipddpm.corruption import degrade
from dipddpm.errors import ConfigError, DataError
from dipddpm.image_file import read_image, shown
from dipddpm.images import contact_sheet, save_animation, to_file_image
from dipddpm.pipeline import dataset_of
from dipddpm.prior_stage import observe
from dipddpm.priors import PRIORS, make_prior
from dipddpm.progress import Progress
from dipddpm.quality import psnr, ssim
from dipddpm.randomness import generator
from dipddpm.training import draw

NUM_FRAMES = 40  # of an animation, at most
NUM_PICTURES = 40  # images on a sheet


def sample(
    checkpoint: Path,
    num: int,
    changes: dict[str, Any],
    each: bool,
    device: torch.device,
    out: Path,
) -> str:
    """Draw more images with saved weights; write a sheet, the tensor and an animation.

    Args:
        checkpoint: the ``weights.safetensors`` of a run.
        num: how many images to draw.
        changes: settings of the sampler that replace the run's.
        each: write every image to a file of its own instead, numbered so that they sort.

    Returns:
        What was drawn, in one line.

    Raises:
        ConfigError: the network has learnt to start from prior images.
    """
    denoiser, config, shape = load_weights(checkpoint, device)
    config = dataclasses.replace(config, **changes)
    if config.start_weight:
        expected = "0: these samples start from images of the run's prior, which weights lack"
        raise ConfigError("start_weight", config.start_weight, expected)
    make_folder(out)
    watch = Watch(config.sampler_steps)
    rng = generator(config.seed, "sample", device=device)
    images = draw(denoiser, config, num, shape, rng, watch=watch).cpu()
    if each:
        digits = max(3, len(str(num - 1)))
        for number, image in enumerate(images):
            to_file_image(image).save(out / f"{number:0{digits}}.png")
    else:
        contact_sheet(images).save(out / "samples.png")
        save_file({"samples": images}, out / "samples.safetensors")
        save_animation(watch.frames, out / "reverse.gif")
    return f"{num} images of {tuple(shape)} in {config.sampler_steps} steps, eta {config.eta:g}"


def restore(
    config: RunConfig,
    files: list[Path],
    already_noisy: bool,
    refine: Path | None,
    device: torch.device,
    out: Path,
    progress: Progress,
) -> str:
    """Restore held-out images or one's own files by the prior alone.

    Each file comes back as a PNG of its size, grey or RGB as it was.

    Args:
        files: images to restore; held-out ones of the data set if there are none.
        already_noisy: whether the files are noisy. If not, noise is added, and the result is
            compared with what was there before.
        refine: weights whose DDPM then improves what the prior has made, as in SDEdit (Meng et al.
            2022): noised to t₀ = ``config.start_step`` (by default a quarter of T) and denoised.

    Returns:
        PSNR and SSIM before and after, or the number of files, in one line.
    """
    if not PRIORS[config.prior].restores:
        known = " or ".join(name for name, prior in PRIORS.items() if prior.restores)
        raise ConfigError("prior", config.prior, f"{known}, to restore with")
    if already_noisy and not files:
        raise ConfigError("already_noisy", True, "files to restore")
    loaded = load_weights(refine, device) if refine else None
    originals = [own_image(path, config) for path in files] or [
        dataset_of(config).validation.images[:NUM_PICTURES]
    ]
    batches = [to_multiples_of_4(images) for images in originals]
    if loaded and any(batch.shape[1:] != loaded[2] for batch in batches):
        shapes = ", ".join(str(tuple(batch.shape[1:])) for batch in batches)
        raise ConfigError("refine", str(refine), f"weights for images of {shapes}")
    make_folder(out)

    rng = generator(config.seed, "held-out noise", device=device)
    before = [batch.to(device) for batch in batches]
    noisy = before if already_noisy else [degrade(batch, config, rng) for batch in before]
    stages = {"noisy": noisy, "restored": _restore(config, noisy, already_noisy, progress)}
    if loaded:
        denoiser, trained, shape = loaded
        start = config.start_step or trained.timesteps // 4
        trained = dataclasses.replace(
            trained, start_step=start, start_split="held-out", seed=config.seed
        )
        rng = generator(config.seed, "refine", device=device)
        stages["refined"] = [
            draw(denoiser, trained, len(batch), shape, rng, sources=batch)
            for batch in stages["restored"]
        ]
    names = [path.stem for path in files] or ["held-out"]
    scores: dict[str, Any] = {}
    for stage, padded in stages.items():
        results = [
            result.cpu()[..., : original.shape[2], : original.shape[3]]
            for result, original in zip(padded, originals, strict=True)
        ]
        for index, (name, result) in enumerate(zip(names, results, strict=True)):
            if files:
                to_file_image(result[0]).save(out / f"{index:03}-{name}-{stage}.png")
            else:
                contact_sheet(result).save(out / f"{stage}.png")
        if not already_noisy:
            pairs = list(zip(results, originals, strict=True))
            scores[stage] = {
                "psnr": sum(psnr(a, b) for a, b in pairs) / len(pairs),
                "ssim": sum(ssim(a, b) for a, b in pairs) / len(pairs),
            }
    settings = {"config": dataclasses.asdict(config), "scores": scores}
    (out / "restore.json").write_text(json.dumps(settings, indent=2) + "\n")
    if not scores:
        return f"{len(files)} files restored"
    return ", ".join(f"{s} {v['psnr']:.2f} dB, SSIM {v['ssim']:.3f}" for s, v in scores.items())


def _restore(
    config: RunConfig, noisy: list[Tensor], already_noisy: bool, progress: Progress
) -> list[Tensor]:
    """Restore batches by a prior fitted to the training set, or to each batch alone."""
    if PRIORS[config.prior].amortised:
        train = dataset_of(config).train.images.to(noisy[0].device)
        prior = make_prior(config, observe(train, config, "train"))
        prior.fit(progress)
        return [prior.restore(batch) for batch in noisy]
    if already_noisy:  # how a file came by its noise is not known, nor how much it is
        config = dataclasses.replace(config, regime="clean", dip_stop="variance")
    else:  # the noise that was added here was clipped, which a prior undoes in the noisy regime
        config = dataclasses.replace(config, regime="noisy")
    results = []
    for batch in noisy:
        prior = make_prior(config, batch)
        prior.fit(progress)
        results.append(prior.restore(batch))
    return results


def own_image(path: Path, config: RunConfig) -> Tensor:
    """Return a file at its own size: (1, C, H, W) in [-1, 1].

    Grey files have one channel, others three, unless ``config.channels`` says otherwise. A prior
    that is fitted to the data set gets as many channels as the data set has.
    """
    image = read_image(path)
    if min(image.size) < 8:
        raise DataError(f"{shown(path)} is {image.width}×{image.height} px; at least 8×8 is needed")
    channels = config.channels
    if PRIORS[config.prior].amortised:
        channels = dataset_of(config).channels
    modes = {None: image.mode, 1: "L", 3: "RGB"}
    pixels = np.asarray(image.convert(modes[channels]), dtype=np.float32)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)  # -> (C, H, W)
    return torch.from_numpy(pixels[None].copy()) / 127.5 - 1


def to_multiples_of_4(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) with their last row and column repeated, as networks need it."""
    height, width = images.shape[2:]
    return F.pad(images, (0, -width % 4, 0, -height % 4), mode="replicate")


class Watch:
    """The frames of an animation: evenly spaced steps of a reverse process, and the last one.

    Args:
        steps: those of the process.
        frames: how many are kept, at most.
        images: how many are in each.
    """

    def __init__(self, steps: int, frames: int = NUM_FRAMES, images: int = NUM_PICTURES) -> None:
        self.every, self.images = math.ceil(steps / frames), images
        self.steps = 0
        self.frames: list[Tensor] = []

    def __call__(self, x: Tensor) -> None:
        frame = x[: self.images].cpu()
        if self.steps % self.every == 0:
            self.frames.append(frame)
        else:
            self.frames[-1] = frame  # so that the last frame is the image itself
        self.steps += 1


def make_folder(out: Path) -> None:
    """Make ``--out``; raise ConfigError if it exists or cannot be made."""
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise ConfigError("out", str(out), f"a new folder ({error.strerror})") from error


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with None in place of NaN, which JSON lacks."""
    return {key: None if value != value else value for key, value in values.items()}
