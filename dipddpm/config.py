"""The one truth of a run's settings."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dipddpm.errors import ConfigError

RESIZES = ("crop", "stretch")
REGIMES = ("clean", "noisy")
PRIORS = ("restorer", "dip", "none")
SCHEDULES = ("linear", "cosine")
DENOISERS = ("unet", "unet-input-norm", "original")
RESTORERS = ("unet", "original")
PREDICTIONS = ("epsilon", "v")
VARIANCES = ("posterior", "beta")
SPLITS = ("validation", "test")
RANGES = ("symmetric", "unit")
LOADERS = ("tensor", "per-image")
DIP_NOISES = ("fresh", "once")
SAMPLING_WEIGHTS = ("averaged", "best-epoch")
OUTPUT_RANGES = ("clip", "rescale")


def _setting(default: Any, meaning: str, choices: tuple[str, ...] | None = None) -> Any:
    """A field whose meaning serves the reader here and the user of ``--help``."""
    return dataclasses.field(default=default, metadata={"help": meaning, "choices": choices})


@dataclass(frozen=True)
class RunConfig:
    """Everything that a DIP→DDPM run depends on, besides the machine.

    The defaults are the ``quick`` preset. A bad value raises :class:`ConfigError` at once.
    """

    dataset: str = _setting(
        "digits", "digits (8×8, bundled), mnist (28×28), or a folder of images in class sub-folders"
    )
    data_dir: str | None = _setting(
        None, "folder that holds MNIST/raw; without it MNIST is downloaded to the user's cache"
    )
    image_size: int = _setting(32, "side in pixels that a folder's images are brought to")
    resize: str = _setting("crop", "how: crop to a square first, or stretch", RESIZES)
    train_size: int | None = _setting(None, "training images to use; all without it")
    seed: int = _setting(0, "of all random numbers of the run")

    regime: str = _setting(
        "clean", "clean: DIP and DDPM may see clean images; noisy: only corrupted ones", REGIMES
    )
    prior: str = _setting(
        "restorer",
        "what the DDPM learns from: images restored by one network for all, by the original Deep "
        "Image Prior (a network each), or none: as they are",
        PRIORS,
    )
    restorer: str = _setting(
        "unet",
        "network of prior restorer, unet: compact, fitted to batches of all images; report: the "
        "report's own, fitted to one batch of clean images",
        RESTORERS,
    )
    dip_noise: str = _setting(
        "fresh",
        "noise that the restorer undoes in the clean regime, fresh: drawn at each step; once: one "
        "draw for all steps, as the original's",
        DIP_NOISES,
    )
    prior_size: int = _setting(256, "training images for prior dip, which fits each alone")
    std: float = _setting(1.0, "standard deviation of the noise, for images in [0, 1]")
    dip_lr: float = _setting(1e-3, "learning rate of DIP")
    dip_steps: int = _setting(100, "training steps of DIP")
    dip_batch_size: int = _setting(32, "images per DIP step; the original report has 128")
    dip_width: int = _setting(16, "channels of DIP's outer layers; the original report has 64")

    timesteps: int = _setting(1000, "diffusion steps T")
    schedule: str = _setting("cosine", "noise schedule", SCHEDULES)
    denoiser: str = _setting(
        "unet",
        "unet: compact; unet-input-norm: that, with the original's LayerNorm over its input image; "
        "report: the original's own, for 28×28",
        DENOISERS,
    )
    prediction: str = _setting("epsilon", "what the denoiser predicts", PREDICTIONS)
    ddpm_lr: float = _setting(1e-3, "learning rate of the DDPM")
    value_range: str = _setting(
        "symmetric",
        "what the networks see images in, symmetric: [-1, 1]; unit: [0, 1]; scores and pictures do "
        "not depend on it",
        RANGES,
    )
    loader: str = _setting(
        "tensor",
        "how the DDPM's batches are made, tensor: indexed on the device; per-image: through PIL, "
        "one image at a time, as the original's DDPM alone",
        LOADERS,
    )
    batch_size: int = _setting(32, "images per DDPM step")
    epochs: int = _setting(36, "passes of the DDPM over the training images")
    width: int = _setting(16, "channels of the denoiser at its higher resolution, in eights")
    sampling_weights: str = _setting(
        "averaged",
        "what samples are drawn with, averaged: a moving average over steps; best-epoch: as after "
        "the epoch of the least mean loss, the original's choice",
        SAMPLING_WEIGHTS,
    )
    ema_decay: float = _setting(0.995, "decay of the averaged weights, once warmed up")

    eval_every: int = _setting(4, "epochs between evaluations; the last is always evaluated")
    scored_images: int = _setting(300, "images drawn and scored, at most one per test image")
    score_split: str = _setting(
        "validation", "held-out images to score against; test is for confirmation", SPLITS
    )
    sampler_steps: int = _setting(25, "network evaluations per drawn image")
    eta: float = _setting(1.0, "0: deterministic DDIM; 1: the full noise of ancestral sampling")
    variance: str = _setting("posterior", "of sampling with eta 1", VARIANCES)
    output_range: str = _setting(
        "clip",
        "how drawn images come to lie in their range, clip: the predicted image is clipped at each "
        "sampler step; rescale: not at all, but the last image is brought to its own least and "
        "greatest value, as matplotlib shows images and the original report its own",
        OUTPUT_RANGES,
    )
    start_step: int | None = _setting(
        None, "start the reverse process from a noised prior image at this step, not from noise"
    )

    def __post_init__(self) -> None:
        for name in (
            "image_size", "prior_size", "dip_steps", "dip_batch_size", "dip_width", "timesteps",
            "batch_size", "epochs", "eval_every",
        ):  # fmt: skip
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("scored_images", self.scored_images >= 10, "at least 10")
        self._require("seed", 0 <= self.seed < 2**32, "0 to 4294967295")
        unused = self.data_dir is None or self.dataset == "mnist"
        self._require("data_dir", unused, "none: only dataset mnist has one")
        for name in ("std", "dip_lr", "ddpm_lr"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a finite number above 0")
        self._require("train_size", self.train_size is None or self.train_size >= 1, "at least 1")
        for field in dataclasses.fields(self):
            if choices := field.metadata["choices"]:
                self._require(
                    field.name, getattr(self, field.name) in choices, " or ".join(choices)
                )
        self._require("width", self.width >= 8 and self.width % 8 == 0, "a multiple of 8")
        self._require("ema_decay", 0 <= self.ema_decay < 1, "at least 0 and below 1")
        self._require("eta", 0 <= self.eta <= 1, "0 to 1")
        within = f"1 to {self.timesteps}, the number of timesteps"
        self._require("sampler_steps", 1 <= self.sampler_steps <= self.timesteps, within)
        if self.start_step is not None:
            self._require("start_step", 1 <= self.start_step <= self.timesteps, within)
        if self.denoiser == "original":
            most = "at most 1000 for denoiser original"
            self._require("timesteps", self.timesteps <= 1000, most)

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ConfigError(name, getattr(self, name), expected)


EARLIER_FIELDS = {"weights": "sampling_weights", "fitting": "output_range"}
"""Names that version 0.1 gave to fields, and today's."""


def today(value: Any) -> Any:
    """Return a setting's value by today's name: 0.1 called ``report`` what is ``original`` now."""
    return "original" if value == "report" else value


def read_config(settings: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that this version or 0.1 wrote as JSON."""
    return RunConfig(**{EARLIER_FIELDS.get(k, k): today(v) for k, v in settings.items()})


PRESETS: dict[str, dict[str, Any]] = {
    # minutes on two cores for thirty runs
    "quick": {},
    # the scale of the original report: MNIST, 3,500 DIP steps, 20 epochs, T = 1000
    "original": {
        "dataset": "mnist",
        "dip_steps": 3500,
        "dip_batch_size": 64,
        "dip_width": 32,
        "schedule": "linear",
        "ddpm_lr": 5e-4,
        "batch_size": 128,
        "epochs": 20,
        "prediction": "v",
        "width": 24,
        "ema_decay": 0.999,
        "eval_every": 2,
        "scored_images": 1000,
        "sampler_steps": 50,
    },
}


def preset(name: str, **changes: Any) -> RunConfig:
    """The configuration of a preset with some fields changed; ``report`` is ``original``."""
    name = today(name)
    if name not in PRESETS:
        raise ConfigError("preset", name, " or ".join(PRESETS))
    return dataclasses.replace(RunConfig(), **{**PRESETS[name], **changes})
