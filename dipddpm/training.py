"""Training the DDPM: model, averaged weights, optimizer and random state, epoch by epoch."""

import copy
import math
import statistics
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dipddpm import diffusion
from dipddpm.config import RunConfig
from dipddpm.data import from_unit, to_unit
from dipddpm.errors import require_finite
from dipddpm.images import rescale
from dipddpm.networks.original_unet import OriginalUNet
from dipddpm.networks.unet import UNet
from dipddpm.optimizer import load_moments, moments, under
from dipddpm.randomness import generator, seeded_global
from dipddpm.timing import StepClock

if TYPE_CHECKING:
    from dipddpm.original_loaders import OriginalLoader

WARM_UP = 10  # steps left out of the timing: allocators and kernels settle in them


class Trainer:
    """The training of a denoiser on images that live on the device as one tensor.

    Args:
        config: the settings of the run.
        images: (N, C, H, W) in [-1, 1]; their device is where the training happens.
        start: images like ``images`` from which the reverse process begins, if
            ``config.starts_from_images``.

    Attributes:
        ema: the denoiser that samples are drawn with, of averaged weights.
        step_seconds: the seconds of every step so far.
    """

    def __init__(self, config: RunConfig, images: Tensor, start: Tensor) -> None:
        device = images.device
        self.config, self.start = config, start
        self.images = to_unit(images) if config.value_range == "unit" else images
        self.loader = _original_loader(config, images) if config.loader != "tensor" else None
        self.schedule = schedule_of(config, device)
        with seeded_global(config.seed, "denoiser"):
            self.model = make_denoiser(config, images.shape[-1], images.shape[1])
        self.model.to(device)
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.weights: list[Tensor] = list(self.model.parameters())
        self.averages: list[Tensor] = list(self.ema.parameters())
        self.optimizer = torch.optim.Adam(self.model.parameters(), config.ddpm_lr, fused=True)
        self.rng = generator(config.seed, "ddpm", device=device)
        self.clock = StepClock(device)
        self.epoch = self.updates = 0
        self.best_loss = math.inf
        self.step_seconds: list[float] = []

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches of an epoch."""
        return steps_per_epoch(self.config, len(self.images))

    @property
    def time_per_iteration_s(self) -> float:
        """The median seconds of a step, the first few left out, times the steps of an epoch."""
        settled = self.step_seconds[WARM_UP:] or self.step_seconds
        return statistics.median(settled) * self.steps_per_epoch

    def train_epoch(self) -> float:
        """Pass once over the images; return the mean loss.

        Raises:
            NonFiniteLossError: a loss is not finite; the error names the step.
        """
        self.model.train()
        steps = self.steps_per_epoch
        losses = torch.empty(steps, device=self.images.device)
        self.clock.tick()
        for step, batch in enumerate(self.batches()):
            losses[step] = self.step(batch)
            self.clock.tick()
        self.step_seconds += self.clock.collect()
        settings = f"ddpm_lr={self.config.ddpm_lr:g}"
        require_finite(losses, "DDPM", settings, first_step=self.epoch * steps)
        self.epoch += 1
        loss = float(losses.mean())
        if self.config.sampling_weights == "best-epoch" and loss < self.best_loss:
            self.best_loss = loss
            self.ema.load_state_dict(self.model.state_dict())
        return loss

    def batches(self) -> Iterator[Tensor]:
        """Return the batches of an epoch, by the loader and in the order that the settings name."""
        size, device, num = self.config.batch_size, self.images.device, len(self.images)
        if self.config.loader == "tensor-dataset":
            order = torch.arange(num)
        else:
            order = torch.randperm(num, generator=self.rng, device=device)
        if self.loader is not None:
            return self.loader.batches(order)
        whole = order[: num // size * size]  # (steps · size,)
        return (self.images[chosen] for chosen in whole.split(size))

    def step(self, images: Tensor) -> Tensor:
        """Update the weights on a batch; return its loss, without waiting for the device."""
        loss = diffusion.loss(
            self.model,
            self.schedule,
            images,
            self.rng,
            self.config.prediction,
            self.config.min_snr,
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.config.sampling_weights == "averaged":
            self._average()
        self.updates += 1
        return loss.detach()

    def sources(self, num: int) -> Tensor | None:
        """Return the prior images that ``num`` samples start from, or None if from noise."""
        if not self.config.starts_from_images:
            return None
        return in_turn(self.start, num)

    def sample(
        self, num: int, rng: torch.Generator, watch: Callable[[Tensor], None] | None = None
    ) -> Tensor:
        """Draw ``num`` images with the averaged weights: (num, C, H, W) in [-1, 1]."""
        self.ema.eval()
        return draw(
            self.ema, self.config, num, self.images.shape[1:], rng, self.sources(num), watch
        )

    @torch.no_grad()
    def _average(self) -> None:
        """Average by a decay min(d, (1+n)/(10+n)), which soon forgets the initial weights.

        The n of ``AveragedModel`` is a tensor, which each of its updates copies to the device.
        """
        n = self.updates
        decay = min(self.config.ema_decay, (1 + n) / (10 + n)) if n else 0.0
        torch._foreach_lerp_(self.averages, self.weights, 1 - decay)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that the next epoch depends on, as flat tensors."""
        return {
            "epoch": torch.tensor(self.epoch),
            "updates": torch.tensor(self.updates),
            "best_loss": torch.tensor(self.best_loss, dtype=torch.float64),
            "random_state": self.rng.get_state(),
            "step_seconds": torch.tensor(self.step_seconds, dtype=torch.float64),
            **{f"model.{k}": v for k, v in self.model.state_dict().items()},
            **{f"ema.{k}": v for k, v in self.ema.state_dict().items()},
            **moments(self.optimizer),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        self.epoch, self.updates = int(state["epoch"]), int(state["updates"])
        self.best_loss = float(state["best_loss"])
        self.rng.set_state(state["random_state"].cpu())
        self.step_seconds = state["step_seconds"].tolist()
        self.model.load_state_dict(under("model.", state))
        self.ema.load_state_dict(under("ema.", state))
        load_moments(self.optimizer, state)


def _original_loader(config: RunConfig, images: Tensor) -> "OriginalLoader":
    from dipddpm.original_loaders import OriginalLoader  # seconds, for torchvision

    return OriginalLoader(config.loader, images, config.value_range, config.batch_size)


def steps_per_epoch(config: RunConfig, num: int) -> int:
    """Return how many batches ``num`` images make.

    A loader of the original's keeps the last, smaller one. ``tensor`` has whole batches alone; the
    images left over differ from epoch to epoch.
    """
    size = config.batch_size
    return num // size if config.loader == "tensor" else math.ceil(num / size)


def make_denoiser(config: RunConfig, image_size: int, channels: int) -> nn.Module:
    """Return the network that ``config.denoiser`` names, with fresh weights.

    Raises:
        ConfigError: it cannot take images of that size.
    """
    if config.denoiser == "original":
        return OriginalUNet(image_size, channels)
    return UNet(image_size, channels, config.width, config.denoiser == "unet-input-norm")


def schedule_of(config: RunConfig, device: torch.device | str) -> diffusion.Schedule:
    """Return the noise schedule of a run."""
    return diffusion.make_schedule(config.schedule, config.timesteps, device, config.start_weight)


def in_turn(images: Tensor, num: int) -> Tensor:
    """Return ``num`` of the images, from the first again where there are fewer."""
    return images[torch.arange(num, device=images.device) % len(images)]


def draw(
    denoiser: nn.Module,
    config: RunConfig,
    num: int,
    shape: torch.Size,
    rng: torch.Generator,
    sources: Tensor | None = None,
    watch: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """Draw images in [-1, 1] from noise, or from noised images as in SDEdit (Meng et al. 2022).

    Args:
        denoiser: the network, in evaluation mode.
        config: the sampler's settings. From sources, a share ``start_step / T`` of its steps is
            left to do.
        num: how many images to draw.
        shape: their shape, (C, H, W).
        rng: the generator of all noise; the images are on its device.
        sources: the images to start from, (num, C, H, W) in [-1, 1].
        watch: is called with the images, in [-1, 1], after each step.

    Returns:
        The images, (num, C, H, W).
    """
    unit = config.value_range == "unit"

    def shown(x: Tensor) -> Tensor:
        return from_unit(x) if unit else x

    schedule = schedule_of(config, rng.device)
    noise = torch.randn((num, *shape), generator=rng, device=rng.device)
    if sources is None:
        x, timesteps = noise, schedule.timesteps(config.sampler_steps, spacing=config.spacing)
    else:
        sources = to_unit(sources) if unit else sources
        start = config.start_step or config.timesteps
        steps = max(1, round(config.sampler_steps * start / config.timesteps))
        timesteps = schedule.timesteps(steps, start, config.spacing)
        t = torch.full((num,), int(timesteps[0]), device=rng.device)
        x = diffusion.q_sample(schedule, sources, t, noise)
    images = diffusion.sample(
        denoiser,
        schedule,
        x,
        timesteps,
        eta=config.eta,
        order=config.sampler_order,
        generator=rng,
        variance=config.variance,
        prediction=config.prediction,
        clip=((0.0, 1.0) if unit else (-1.0, 1.0)) if config.output_range == "clip" else None,
        watch=None if watch is None else lambda x: watch(shown(x)),
    )
    images = shown(images)
    return rescale(images) if config.output_range == "rescale" else images.clamp(-1, 1)
