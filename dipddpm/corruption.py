"""The degradation that the Deep Image Prior has to undo."""

import torch
from torch import Tensor


def corrupt(images: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise in the report's units: clip(image + N(0, std²), 0, 1), image in [0, 1].

    Args:
        images: any shape, values in [-1, 1] (the range used everywhere in this library).
        std: standard deviation of the noise on the [0, 1] scale, > 0.
        generator: on the device of ``images``.

    Returns:
        A tensor like ``images``, in [-1, 1].
    """
    # torch.randn, not randn_like, which takes no generator
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    # [-1, 1] is twice as wide as [0, 1], and so is the noise on it
    return (images + 2 * std * noise).clamp_(-1, 1)
