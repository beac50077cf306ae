"""The networks of the amortised prior: each maps a noisy image to a restored one."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from dipddpm.data import from_unit, to_unit
from dipddpm.networks.unet import UNet
from dipddpm.randomness import seeded_global


class UNetRestorer(nn.Module):
    """The denoiser's compact U-Net with its time held at 0; it predicts what is to be added.

    Residual learning (Zhang et al. 2017, DnCNN): where there is little noise, little is to be done.
    Maps (N, C, H, W) in [-1, 1] to the same shape, unbounded.
    """

    def __init__(self, image_size: int, channels: int, width: int) -> None:
        super().__init__()
        self.unet = UNet(image_size, channels, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unet(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))


class OriginalRestorer(nn.Sequential):
    """The network of the original report: five 3×3 convolutions, ReLU between, no down-sampling.

    With ``width=64`` its channels are those of the report: C → 64 → 128 → 128 → 64 → C. It sees
    images, and pads them, in [0, 1]; from the outside it maps (N, C, H, W) in [-1, 1] to the same
    shape, unbounded.
    """

    def __init__(self, channels: int, width: int) -> None:
        widths = [channels, width, 2 * width, 2 * width, width, channels]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        super().__init__(*layers[:-1])  # no ReLU behind the last

    def forward(self, x: Tensor) -> Tensor:
        return from_unit(super().forward(to_unit(x)))


def make_restorer(name: str, image_size: int, channels: int, width: int, seed: int) -> nn.Module:
    """Return the network that ``RunConfig.restorer`` names, with fresh weights.

    Raises:
        ConfigError: it cannot take images of that size.
    """
    with seeded_global(seed, "restorer"):
        if name == "original":
            return OriginalRestorer(channels, width)
        return UNetRestorer(image_size, channels, width)
