"""The denoiser of the original report, to the last of its 606,852 parameters.

Its first block normalises the image itself over (1, H, W), which hides mean grey and contrast from
the network. That is kept, so that the report's recipe can be run as it was reported.
"""

import math

import torch
from torch import Tensor, nn

from dipddpm.errors import ConfigError

TIMESTEPS = 1000  # rows of the fixed table
TIME_DIM = 100


class Block(nn.Module):
    """A block of LayerNorm over (C, H, W), then conv 3×3 and SiLU, twice."""

    def __init__(self, size: int, in_channels: int, channels: int, normalise: bool = True) -> None:
        super().__init__()
        self.normalise = normalise
        # there even where it is idle, as in the original: 15,680 parameters of the last block
        self.norm = nn.LayerNorm((in_channels, size, size))
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.norm(x) if self.normalise else x)


def time_bias(channels: int) -> nn.Sequential:
    """Return the layers that turn a row of the time table into a bias per channel."""
    return nn.Sequential(nn.Linear(TIME_DIM, channels), nn.SiLU(), nn.Linear(channels, channels))


def blocks(size: int, *channels: int, normalise_last: bool = True) -> nn.Sequential:
    """Return three blocks through four channel counts."""
    a, b, c, d = channels
    return nn.Sequential(
        Block(size, a, b), Block(size, b, c), Block(size, c, d, normalise=normalise_last)
    )


class OriginalUNet(nn.Module):
    """The network that predicts ε from (x_t, t) for 28×28 images of one channel.

    Raises:
        ConfigError: the images are others.
    """

    def __init__(self, image_size: int, channels: int) -> None:
        super().__init__()
        if (image_size, channels) != (28, 1):
            raise ConfigError("denoiser", "original", "28×28 images of 1 channel for this one")
        table = sinusoidal_table(TIMESTEPS, TIME_DIM)
        self.table = nn.Embedding.from_pretrained(table, freeze=True)  # (1000, 100), fixed

        self.time1 = time_bias(1)
        self.down1 = blocks(28, 1, 10, 10, 10)
        self.shrink1 = nn.Conv2d(10, 10, 4, stride=2, padding=1)  # 28 -> 14
        self.time2, self.down2 = time_bias(10), blocks(14, 10, 20, 20, 20)
        self.shrink2 = nn.Conv2d(20, 20, 4, stride=2, padding=1)  # 14 -> 7
        self.time3, self.down3 = time_bias(20), blocks(7, 20, 40, 40, 40)
        self.shrink3 = nn.Sequential(  # 7 -> 6 -> 3
            nn.Conv2d(40, 40, 2), nn.SiLU(), nn.Conv2d(40, 40, 4, stride=2, padding=1)
        )
        self.time4, self.middle = time_bias(40), blocks(3, 40, 20, 20, 40)
        self.grow1 = nn.Sequential(  # 3 -> 6 -> 7
            nn.ConvTranspose2d(40, 40, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(40, 40, 2),
        )
        self.time5, self.up1 = time_bias(80), blocks(7, 80, 40, 20, 20)
        self.grow2 = nn.ConvTranspose2d(20, 20, 4, stride=2, padding=1)  # 7 -> 14
        self.time6, self.up2 = time_bias(40), blocks(14, 40, 20, 10, 10)
        self.grow3 = nn.ConvTranspose2d(10, 10, 4, stride=2, padding=1)  # 14 -> 28
        self.time7, self.up3 = time_bias(20), blocks(28, 20, 10, 10, 10, normalise_last=False)
        self.head = nn.Conv2d(10, 1, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return ε like x, (N, 1, 28, 28), at timesteps t, (N,), int64, 0 … 999."""
        row = self.table(t)

        def biased(h: Tensor, time: nn.Module) -> Tensor:
            return h + time(row)[:, :, None, None]

        h1 = self.down1(biased(x, self.time1))  # (N, 10, 28, 28)
        h2 = self.down2(biased(self.shrink1(h1), self.time2))  # (N, 20, 14, 14)
        h3 = self.down3(biased(self.shrink2(h2), self.time3))  # (N, 40, 7, 7)
        h = self.middle(biased(self.shrink3(h3), self.time4))  # (N, 40, 3, 3)
        h = self.up1(biased(torch.cat([h3, self.grow1(h)], dim=1), self.time5))  # (N, 20, 7, 7)
        h = self.up2(biased(torch.cat([h2, self.grow2(h)], dim=1), self.time6))  # (N, 10, 14, 14)
        h = self.up3(biased(torch.cat([h1, self.grow3(h)], dim=1), self.time7))  # (N, 10, 28, 28)
        return self.head(h)


def sinusoidal_table(rows: int, dim: int) -> Tensor:
    """Return the original's time table: sines in even columns, cosines in odd ones, (rows, dim).

    The frequencies are 10000^(-4k / dim), k = 0 … dim/2 - 1, over twice as many decades as the
    10000^(-2k / dim) of Vaswani et al. (2017, Sec. 3.5).
    """
    k = torch.arange(dim // 2, dtype=torch.float64)
    angles = torch.arange(rows, dtype=torch.float64)[:, None] * torch.exp(
        -math.log(10_000) * 4 * k / dim
    )
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).float()
