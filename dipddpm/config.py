"""The settings of a run: every one with its default, its meaning and its bounds."""

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dipddpm.data import DATA_SOURCES
from dipddpm.errors import ConfigError
from dipddpm.priors import PRIORS

RESIZES = ("crop", "stretch", "pad")
REGIMES = ("clean", "noisy")
SCHEDULES = ("linear", "cosine")
DENOISERS = ("unet", "unet-input-norm", "original")
RESTORERS = ("unet", "original")
PREDICTIONS = ("epsilon", "v")
SPACINGS = ("time", "log-snr")
VARIANCES = ("posterior", "beta")
SPLITS = ("validation", "test")
RANGES = ("symmetric", "unit")
LOADERS = ("tensor", "per-image", "tensor-dataset")
PRIOR_OUTPUTS = ("clip", "raw")
START_SPLITS = ("held-out", "train")
START_IMAGES = ("restored", "noise")
DIP_NOISES = ("fresh", "once")
DIP_INPUTS = ("code", "output")
DIP_STOPS = ("variance", "simulation")
SAMPLING_WEIGHTS = ("averaged", "best-epoch")
OUTPUT_RANGES = ("clip", "rescale")

MOST = 1_000_000
"""The largest whole number of a setting that has no bound of its own."""


class Described(Protocol):
    """An entry of a registry that can say in a few words what it is."""

    @property
    def description(self) -> str: ...


def _setting(
    default: Any,
    meaning: str,
    choices: Collection[str] | None = None,
    registry: Mapping[str, Described] | None = None,
    most: int = MOST,
) -> Any:
    """Return a field whose meaning serves the reader here and the user of ``--help``.

    The names in ``registry`` are explained by its entries. Others may be added at any time. A whole
    number is at most ``most``: what is larger was mistyped, and would fill the memory.
    """
    return dataclasses.field(
        default=default,
        metadata={"help": meaning, "choices": choices, "registry": registry or {}, "most": most},
    )


def help_text(field: dataclasses.Field[Any]) -> str:
    """Return what a field means, with the entries of its registry if it has one."""
    entries = field.metadata.get("registry", {}).items()
    return "; ".join([field.metadata["help"], *(f"{name}: {e.description}" for name, e in entries)])


@dataclass(frozen=True)
class RunConfig:
    """Everything that a DIP→DDPM run depends on, besides the machine.

    The defaults are the ``quick`` preset on ``mnist-small``. A bad value raises
    :class:`ConfigError` at once. In the help texts, "original" is the network or the habit of the
    original report, the course report whose experiments this project repeats.
    """

    dataset: str = _setting(
        "mnist-small",
        "data set, by name or as a folder of images, which may hold train and test or class "
        "sub-folders",
        registry=DATA_SOURCES,
    )
    data_dir: str | None = _setting(
        None, "folder that holds MNIST/raw; without it MNIST is downloaded to the user's cache"
    )
    image_size: int = _setting(32, "side that a folder's images are brought to [pixels]", most=512)
    resize: str = _setting(
        "crop",
        "how a folder's images become squares, crop: cut the middle; stretch: scale; pad: add "
        "borders",
        RESIZES,
    )
    channels: int | None = _setting(
        None,
        "channels of a folder's images and of files to restore, 1: grey; 3: RGB; without it, 1 "
        "where all are grey",
    )
    train_size: int | None = _setting(None, "number of training images; all without it")
    start_split: str = _setting(
        "held-out",
        "images of the start split, held-out: starts of a shortened reverse process, which nothing "
        "learns from; train: more training images, by which mnist has 60,000, as the original's",
        START_SPLITS,
    )
    seed: int = _setting(0, "seed of all random numbers of the run", most=2**32 - 1)

    regime: str = _setting(
        "clean",
        "which images are there, clean: prior and DDPM may see clean images; noisy: only corrupted "
        "ones exist",
        REGIMES,
    )
    prior: str = _setting(
        "restorer", "what makes the images that the DDPM learns from", PRIORS.keys(), PRIORS
    )
    restorer: str = _setting(
        "unet",
        "network of prior restorer, unet: compact, fitted to batches of all images; original: five "
        "convolutions, fitted to one batch of clean images",
        RESTORERS,
    )
    dip_noise: str = _setting(
        "fresh",
        "noise that prior restorer undoes in the clean regime, fresh: drawn at each step; once: "
        "one draw for all steps, as the original's",
        DIP_NOISES,
    )
    prior_output: str = _setting(
        "clip",
        "what prior restorer hands on in the clean regime, clip: its output clipped to the range "
        "of images; raw: as it is, inferred of the original",
        PRIOR_OUTPUTS,
    )
    dip_input: str = _setting(
        "code",
        "what the networks of prior dip draw from, code: a fixed random one; output: the noisy "
        "image at first, then their own output (aSeqDIP, Alkhouri et al. 2024)",
        DIP_INPUTS,
    )
    dip_stop: str = _setting(
        "simulation",
        "when prior dip stops, variance: each image where its outputs vary least (Wang et al. "
        "2023); simulation: all where a fit to simulated noise came nearest to what it hides; "
        "without noise, in the clean regime, after all steps",
        DIP_STOPS,
    )
    prior_size: int = _setting(256, "number of training images for a prior that fits each alone")
    std: float = _setting(1.0, "standard deviation of the noise [for images in 0 to 1]")
    dip_step: int | None = _setting(
        None,
        "step t of the DDPM whose noise level the prior learns to undo in the clean regime, in "
        "place of std",
    )
    dip_lr: float = _setting(1e-3, "learning rate of the prior")
    dip_steps: int = _setting(100, "training steps of the prior")
    dip_batch_size: int = _setting(32, "images per step of prior restorer; the original has 128")
    dip_width: int = _setting(
        16, "channels of the prior's outer layers; the original has 64", most=512
    )

    timesteps: int = _setting(1000, "diffusion steps T", most=100_000)
    schedule: str = _setting("cosine", "noise schedule of the diffusion", SCHEDULES)
    denoiser: str = _setting(
        "unet",
        "network of the DDPM, unet: compact; unet-input-norm: the same with the original's "
        "LayerNorm over its input image; original: the original's own, for 28×28",
        DENOISERS,
    )
    prediction: str = _setting("v", "what the denoiser predicts", PREDICTIONS)
    min_snr: float = _setting(
        5.0, "γ of min-SNR loss weights (Hang et al. 2023); 0: all timesteps count alike"
    )
    ddpm_lr: float = _setting(1e-3, "learning rate of the DDPM")
    value_range: str = _setting(
        "symmetric",
        "range in which the DDPM sees images, symmetric: [-1, 1]; unit: [0, 1]; scores and "
        "pictures do not depend on it",
        RANGES,
    )
    loader: str = _setting(
        "tensor",
        "how the DDPM's batches are made, tensor: indexed on the device; per-image: one at a "
        "time by torchvision's MNIST, as the original's DDPM alone; tensor-dataset: by a "
        "DataLoader over a TensorDataset, in order, inferred of the original's DIP→DDPM",
        LOADERS,
    )
    batch_size: int = _setting(32, "images per DDPM step")
    epochs: int = _setting(4, "passes of the DDPM over the training images")
    width: int = _setting(
        16, "channels of the denoiser at its higher resolution, in eights", most=512
    )
    sampling_weights: str = _setting(
        "averaged",
        "weights that samples are drawn with, averaged: a moving average over steps; best-epoch: "
        "those after the epoch of the least mean loss, the original's choice",
        SAMPLING_WEIGHTS,
    )
    ema_decay: float = _setting(0.995, "decay of the averaged weights, once warmed up")

    eval_every: int = _setting(1, "epochs between evaluations; the last one is always evaluated")
    scored_images: int = _setting(
        300, "number of images drawn and scored, at most one per held-out image"
    )
    score_split: str = _setting(
        "validation", "held-out images to score against; test is for confirmation", SPLITS
    )
    sampler_steps: int = _setting(10, "network evaluations per drawn image")
    eta: float = _setting(
        1.0, "noise of the sampler, 0: none (deterministic DDIM) to 1: that of ancestral sampling"
    )
    sampler_order: int = _setting(
        2,
        "predictions that a sampler step uses, 1: DDIM, ancestral for eta 1; 2: DPM-Solver++(2M), "
        "its stochastic form for eta 1",
    )
    spacing: str = _setting(
        "log-snr",
        "where the sampler's steps lie, time: evenly in t; log-snr: evenly in the logarithm of the "
        "signal-to-noise ratio",
        SPACINGS,
    )
    variance: str = _setting(
        "posterior", "variance of the sampler's noise, for eta above 0", VARIANCES
    )
    output_range: str = _setting(
        "clip",
        "how drawn images come to lie in their range, clip: the predicted image is clipped at each "
        "sampler step; rescale: it is not, but the last image is brought to its own least and "
        "greatest value, as matplotlib shows images and the original its own",
        OUTPUT_RANGES,
    )
    start_step: int | None = _setting(
        None,
        "step t₀ at which the reverse process starts from a noised prior image, as in SDEdit (Meng "
        "et al. 2022); without it, it starts from noise at T",
    )

    start_weight: float = _setting(
        0.0,
        "weight w of a prior image in x_T, 0 to below 1, in training and drawing: the DDPM's noise "
        "is w times the image and √(1-w²) times Gaussian noise; above 0, samples start from prior "
        "images; 0: noise alone",
    )
    start_images: str = _setting(
        "restored",
        "prior images that samples start from, restored: held-out images that the prior restored; "
        "noise: what the prior makes of pure noise, without any image",
        START_IMAGES,
    )

    def __post_init__(self) -> None:
        for name in (
            "image_size", "prior_size", "dip_steps", "dip_batch_size", "dip_width", "timesteps",
            "batch_size", "epochs", "eval_every",
        ):  # fmt: skip
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("scored_images", self.scored_images >= 10, "at least 10")
        self._require("seed", 0 <= self.seed < 2**32, "0 to 4294967295")
        readers = [source.name for source in DATA_SOURCES.values() if source.has_data_dir]
        unused = self.data_dir is None or self.dataset in readers
        self._require("data_dir", unused, f"none: only dataset {' or '.join(readers)} has one")
        for name in ("std", "dip_lr", "ddpm_lr"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a finite number above 0")
        self._require("channels", self.channels in (None, 1, 3), "1 or 3")
        self._require("min_snr", 0 <= self.min_snr < math.inf, "a finite number, 0 or above")
        self._require("train_size", self.train_size is None or self.train_size >= 1, "at least 1")
        for field in dataclasses.fields(self):
            value, most = getattr(self, field.name), field.metadata["most"]
            if choices := field.metadata["choices"]:
                self._require(field.name, value in choices, " or ".join(choices))
            if isinstance(value, int):
                self._require(field.name, value <= most, f"at most {most}")
        self._require("width", self.width >= 8 and self.width % 8 == 0, "a multiple of 8")
        self._require("ema_decay", 0 <= self.ema_decay < 1, "at least 0 and below 1")
        self._require("eta", 0 <= self.eta <= 1, "0 to 1")
        within = f"1 to {self.timesteps}, the number of timesteps"
        self._require("sampler_steps", 1 <= self.sampler_steps <= self.timesteps, within)
        self._require("sampler_order", self.sampler_order in (1, 2), "1 or 2")
        self._require("start_weight", 0 <= self.start_weight < 1, "at least 0 and below 1")
        if self.dip_step is not None:
            self._require("dip_step", 1 <= self.dip_step <= self.timesteps, within)
            self._require("dip_step", self.regime == "clean", "none in regime noisy, which has std")
        if self.start_step is not None:
            self._require("start_step", 1 <= self.start_step <= self.timesteps, within)
        if self.starts_from_images:
            start = self.start_split == "held-out"
            self._require("start_split", start, "held-out, since samples start from that split")
        if self.denoiser == "original":
            most = "at most 1000 for denoiser original"
            self._require("timesteps", self.timesteps <= 1000, most)

    @property
    def starts_from_images(self) -> bool:
        """Whether the reverse process starts from prior images, noised, and not from noise."""
        return self.start_step is not None or self.start_weight > 0

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ConfigError(name, getattr(self, name), expected)


EARLIER_FIELDS = {"weights": "sampling_weights", "fitting": "output_range"}
"""Names that version 0.1 gave to fields, and today's."""

UNTIL_ADDED = {
    "min_snr": 0.0,
    "sampler_order": 1,
    "spacing": "time",
    "dip_stop": "variance",
}
"""What version 0.2 did where this one has a field of another default."""

RENAMED_CHOICES = ("preset", "space", "restorer", "denoiser")
"""Settings of which ``report`` was a choice in version 0.1."""


def current_choice(choice: str) -> str:
    """Return a choice by today's name: ``original`` for what 0.1 called ``report``."""
    return "original" if choice == "report" else choice


def current_setting(name: str, value: Any) -> tuple[str, Any]:
    """Return today's name and value of a setting that this version or 0.1 wrote."""
    value = current_choice(value) if name in RENAMED_CHOICES else value
    return EARLIER_FIELDS.get(name, name), value


def shareable(config: RunConfig) -> dict[str, Any]:
    """Return the settings as results hold them: a folder by its name, without where it lies."""
    return {**dataclasses.asdict(config), "dataset": Path(config.dataset).name, "data_dir": None}


def read_config(settings: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that this version or an earlier one wrote as JSON.

    Raises:
        ConfigError: it names networks of the original report that earlier versions ran otherwise.
    """
    current = current_settings(settings)
    if "prior_output" not in settings:
        used = ("denoiser", *(["restorer"] if current["prior"] == "restorer" else []))
        for name in used:
            if current[name] == "original":
                expected = "another: its recipe was another before version 0.3; begin anew"
                raise ConfigError(name, "original", expected)
    return RunConfig(**current)


def current_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a run that this version or an earlier one wrote, as this one has them.

    Earlier versions wrote every field that they had.
    """
    return {**UNTIL_ADDED, **dict(current_setting(*item) for item in settings.items())}


PRESETS: dict[str, dict[str, Any]] = {
    # minutes on two cores for thirty runs
    "quick": {},  # and what QUICK_ON has
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
        "width": 24,
        "ema_decay": 0.999,
        "eval_every": 2,
        "scored_images": 1000,
        "sampler_steps": 15,
    },
    # the same scale with networks and a sampler that two cores run in minutes
    "compact": {
        "dataset": "mnist",
        "dip_steps": 3500,
        "schedule": "linear",
        "batch_size": 128,
        "epochs": 20,
        "ema_decay": 0.999,
        "eval_every": 2,
        "scored_images": 1000,
    },
}

A_FOLDER = "a folder"

QUICK_ON: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 12},
    A_FOLDER: {"epochs": 36, "eval_every": 4},
}
"""What the preset ``quick`` changes on other data sets than its own."""


def preset(name: str, **changes: Any) -> RunConfig:
    """Return the configuration of a preset with some fields changed.

    ``report`` is another name of the preset ``original``. The budget of ``quick`` depends on the
    data set. An unknown name raises ConfigError.
    """
    name = current_choice(name)
    if name not in PRESETS:
        raise ConfigError("preset", name, " or ".join(PRESETS))
    dataset = changes.get("dataset", RunConfig.dataset)
    values = PRESETS[name]
    if name == "quick":
        values = QUICK_ON.get(dataset if dataset in DATA_SOURCES else A_FOLDER, {})
    return dataclasses.replace(RunConfig(), **{**values, **changes})
