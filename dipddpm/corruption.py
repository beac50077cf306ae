"""The degradation that a prior has to undo: clipped Gaussian, or a noise level of the DDPM."""

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dipddpm import diffusion

if TYPE_CHECKING:  # the configuration takes the names of the priors, which take this
    from dipddpm.config import RunConfig


def corrupt(images: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise in the units of the original report, and clip.

    For an image in [0, 1] this is clip(image + N(0, std²), 0, 1).

    Args:
        images: any shape, values in [-1, 1] (the range used everywhere in this library).
        std: standard deviation of the noise on the [0, 1] scale, above 0.
        generator: a generator on the device of ``images``.

    Returns:
        A tensor like ``images``, in [-1, 1].
    """
    # torch.randn, not randn_like, which takes no generator
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    # [-1, 1] is twice as wide as [0, 1], and so is the noise on it
    return (images + 2 * std * noise).clamp_(-1, 1)


def degrade(images: Tensor, config: "RunConfig", generator: torch.Generator) -> Tensor:
    """Return images (N, C, H, W) in [-1, 1] with the noise that the prior of a run is to undo.

    It is that of :func:`corrupt`, or with ``dip_step`` x_t of the DDPM's forward process at this
    step t, which may leave [-1, 1].
    """
    if config.dip_step is None:
        return corrupt(images, config.std, generator)
    schedule = diffusion.make_schedule(config.schedule, config.timesteps, images.device)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    t = torch.full((len(images),), config.dip_step - 1, device=images.device)
    return diffusion.q_sample(schedule, images, t, noise)


def noise_text(config: "RunConfig", sign: str = " ") -> str:
    """Return which noise :func:`degrade` adds: the setting, a sign and its value."""
    if config.dip_step is None:
        return f"std{sign}{config.std:g}"
    return f"dip_step{sign}{config.dip_step}"


def expected_clipped(images: Tensor, std: float) -> Tensor:
    """Return the mean of :func:`corrupt` over the noise, which clipping pulls to the middle.

    In closed form, with Φ and φ of the standard normal, for x in [0, 1]:
    E[clip(x + N(0, std²), 0, 1)] = x (Φ(b) - Φ(a)) + std (φ(a) - φ(b)) + 1 - Φ(b),
    a = -x / std, b = (1 - x) / std.
    """
    x = (in_float64(images) + 1) / 2
    normal = torch.distributions.Normal(0.0, 1.0)
    a, b = -x / std, (1 - x) / std
    below, above = normal.cdf(a), normal.cdf(b)
    density = (normal.log_prob(a).exp() - normal.log_prob(b).exp()) * std
    return ((x * (above - below) + density + 1 - above) * 2 - 1).to(images)


def undo_clipping(images: Tensor, std: float) -> Tensor:
    """Invert :func:`expected_clipped` by a table; images in [-1, 1] stay in [-1, 1].

    What is learnt from noisy images alone is the mean of the clipped ones. This takes it back to
    the scale of the clean ones. It needs ``std``, which a sensor's user knows, and nothing clean.
    """
    value = in_float64(images)
    grid = torch.linspace(-1, 1, 2049, dtype=torch.float64).to(value.device)
    table = expected_clipped(grid, std)  # rises strictly
    value = value.clamp(float(table[0]), float(table[-1]))
    right = torch.searchsorted(table, value).clamp(1, len(grid) - 1)
    left = right - 1
    share = (value - table[left]) / (table[right] - table[left])
    return (grid[left] + share * (grid[right] - grid[left])).to(images)


def in_float64(images: Tensor) -> Tensor:
    """Return images as float64: on their device, or on the CPU if that has none (Apple GPUs)."""
    return (images if has_float64(images.device) else images.cpu()).double()


@functools.cache
def has_float64(device: torch.device) -> bool:
    """Return whether a device can compute in float64."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):  # PyTorch's MPS raises the former
        return False
    return True
