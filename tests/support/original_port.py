"""The original report's recipe once more, from its tables of layers and formulas alone.

It shares no code with the library: it is what the library is held against. Images are (N, 1, 28,
28), in the range of the run; t is a whole number 0 … 999.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

T, D = 1000, 100
BETAS = [1e-4 + (0.02 - 1e-4) * t / (T - 1) for t in range(T)]
ALPHA_BARS = [math.prod(1 - beta for beta in BETAS[: t + 1]) for t in range(T)]

LEVELS = {  # pixels; channels of the input, then of the three blocks
    "down 1": (28, (1, 10, 10, 10)),
    "down 2": (14, (10, 20, 20, 20)),
    "down 3": (7, (20, 40, 40, 40)),
    "middle": (3, (40, 20, 20, 40)),
    "up 1": (7, (80, 40, 20, 20)),
    "up 2": (14, (40, 20, 10, 10)),
    "up 3": (28, (20, 10, 10, 10)),
}


def table_row(t: int) -> list[float]:
    """The row of the time table: frequencies 10000^(-4k/d), sines even and cosines odd."""
    row = []
    for k in range(D // 2):
        angle = t * 10000 ** (-4 * k / D)
        row += [math.sin(angle), math.cos(angle)]
    return row


class Level(nn.Module):
    """Three blocks on a biased input, and what the table has under "then"."""

    def __init__(self, name: str, *then: nn.Module) -> None:
        super().__init__()
        self.pixels, channels = LEVELS[name]
        first = channels[0]
        self.bias1, self.bias2 = nn.Linear(D, first), nn.Linear(first, first)
        self.norms, self.convs1, self.convs2 = (nn.ModuleList() for _ in range(3))
        for a, b in pairwise(channels):
            self.norms.append(nn.LayerNorm((a, self.pixels, self.pixels)))
            self.convs1.append(nn.Conv2d(a, b, 3, padding=1))
            self.convs2.append(nn.Conv2d(b, b, 3, padding=1))
        self.without_norm = 2 if name == "up 3" else None  # its last block
        self.then = nn.Sequential(*then)

    def forward(self, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        assert x.shape[-1] == self.pixels
        bias = self.bias2(F.silu(self.bias1(rows)))
        x = x + bias.reshape(len(x), -1, 1, 1)
        for i in range(3):
            if i != self.without_norm:
                x = self.norms[i](x)
            x = F.silu(self.convs2[i](F.silu(self.convs1[i](x))))
        return x, self.then(x)


def halve(channels: int) -> nn.Module:
    return nn.Conv2d(channels, channels, 4, stride=2, padding=1)


def double(channels: int) -> nn.Module:
    return nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)


class Denoiser(nn.Module):
    """Seven levels, and skips between those of equal size."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = Level("down 1", halve(10))
        self.down2 = Level("down 2", halve(20))
        self.down3 = Level("down 3", nn.Conv2d(40, 40, 2), nn.SiLU(), halve(40))
        self.middle = Level("middle", double(40), nn.SiLU(), nn.ConvTranspose2d(40, 40, 2))
        self.up1 = Level("up 1", double(20))
        self.up2 = Level("up 2", double(10))
        self.up3 = Level("up 3", nn.Conv2d(10, 1, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        rows = torch.tensor([table_row(int(each)) for each in t], dtype=x.dtype)
        skip1, x = self.down1(x, rows)
        skip2, x = self.down2(x, rows)
        skip3, x = self.down3(x, rows)
        _, x = self.middle(x, rows)
        for level, skip in ((self.up1, skip3), (self.up2, skip2), (self.up3, skip1)):
            _, x = level(torch.cat([skip, x], dim=1), rows)
        return x


def restorer() -> nn.Sequential:
    """DIP's network: five convolutions with ReLU between, on images in [0, 1]."""
    channels = (1, 64, 128, 128, 64, 1)
    layers: list[nn.Module] = []
    for a, b in pairwise(channels):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def noised(x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """The forward process, each image at its own t."""
    bars = torch.tensor([ALPHA_BARS[int(each)] for each in t], dtype=x0.dtype).reshape(-1, 1, 1, 1)
    return bars**0.5 * x0 + (1 - bars) ** 0.5 * noise


def sample(denoiser, x: Tensor, noises: list[Tensor]) -> Tensor:
    """All T ancestral steps with σ² = β and without clipping; the last one adds no noise.

    ``noises`` are used in order, from that of t = 999 to that of t = 1.
    """
    for t in reversed(range(T)):
        eps = denoiser(x, torch.full((len(x),), t))
        x = (x - BETAS[t] / math.sqrt(1 - ALPHA_BARS[t]) * eps) / math.sqrt(1 - BETAS[t])
        if t > 0:
            x = x + math.sqrt(BETAS[t]) * noises[T - 1 - t]
    return x


def shown(image: Tensor) -> Tensor:
    """One image as ``imshow`` without limits shows it: black is its least value, white its most."""
    return (image - image.min()) / (image.max() - image.min())
