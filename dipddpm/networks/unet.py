"""The denoiser: a compact U-Net for small images."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.errors import ConfigError


def timestep_embedding(t: Tensor, dim: int) -> Tensor:
    """Return the sinusoidal embedding of t (Vaswani et al. 2017, Sec. 3.5): (N,) → (N, dim)."""
    frequencies = torch.exp(
        -math.log(10_000) * torch.arange(dim // 2, device=t.device) / (dim // 2)
    )
    angles = t[:, None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def zero(layer: nn.Module) -> None:
    """Set the weight and bias of a layer to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class ResidualBlock(nn.Module):
    """A block of GroupNorm → SiLU → conv, twice; (N, C, H, W) → (N, C', H, W).

    Time enters as scale and shift of the second norm (Dhariwal & Nichol 2021, Eq. 3).
    """

    def __init__(self, in_channels: int, channels: int, time_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.time = nn.Linear(time_dim, 2 * channels)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = (
            nn.Identity() if in_channels == channels else nn.Conv2d(in_channels, channels, 1)
        )
        zero(self.conv2)  # every block begins as its skip connection

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Self-attention over all positions, one head (Ho et al. 2020, App. B)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        zero(self.out)

    def forward(self, x: Tensor) -> Tensor:
        # (N, 3C, H, W) -> three of (N, H·W, C)
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(h.transpose(1, 2).reshape(x.shape))


class UNet(nn.Module):
    """The compact denoiser, which predicts ε from (x_t, t).

    It has two resolutions, with self-attention at the lower one. Images above 16 px are folded 2×2
    into channels first (pixel-unshuffle), which leaves the costly full resolution at once.

    Args:
        image_size: height and width in pixels; divisible by 2, and by 4 above 16.
        channels: channels of the image, 1 or 3.
        width: channels at the higher resolution (twice as many at the lower); a multiple of 8.
        normalise_input: whether to begin with a LayerNorm over the image itself, as the denoiser
            of the original report does. It hides mean grey and contrast from the network.

    Raises:
        ConfigError: the size or the width is no such multiple.
    """

    def __init__(
        self, image_size: int, channels: int, width: int, normalise_input: bool = False
    ) -> None:
        super().__init__()
        fold = 1 if image_size <= 16 else 2
        if image_size % (2 * fold):
            raise ConfigError("image_size", image_size, f"a multiple of {2 * fold}")
        if width < 8 or width % 8:
            raise ConfigError("width", width, "a positive multiple of 8, for the group norms")
        self.time_dim = time_dim = 4 * width
        self.time = nn.Sequential(
            nn.Linear(width, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim), nn.SiLU()
        )
        self.width = width
        image = (channels, image_size, image_size)
        self.input_norm = nn.LayerNorm(image) if normalise_input else nn.Identity()
        self.fold = nn.PixelUnshuffle(fold)
        # on CPUs with wide vectors a tenth faster at widths that do not fill them, slower at 8 px
        self.memory_format = torch.contiguous_format if fold == 1 else torch.channels_last
        self.stem = nn.Conv2d(channels * fold**2, width, 3, padding=1)
        self.encode = ResidualBlock(width, width, time_dim)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle1 = ResidualBlock(2 * width, 2 * width, time_dim)
        self.attention = Attention(2 * width)
        self.middle2 = ResidualBlock(2 * width, 2 * width, time_dim)
        # at the lower resolution, where it is cheap: (N, 2·width, H, W) -> (N, width, 2H, 2W)
        self.up = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 1), nn.PixelShuffle(2))
        self.decode = ResidualBlock(2 * width, width, time_dim)
        self.norm = nn.GroupNorm(8, width)
        self.head = nn.Conv2d(width, channels * fold**2, 3, padding=1)
        self.unfold = nn.PixelShuffle(fold)
        zero(self.head)  # the first prediction is ε = 0, a loss of about 1

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return ε like x, (N, C, H, W), at timesteps t, (N,), int64."""
        time = self.time(timestep_embedding(t, self.width))
        folded = self.fold(self.input_norm(x)).contiguous(memory_format=self.memory_format)
        high = self.encode(self.stem(folded), time)
        low = self.middle1(self.down(high), time)
        low = self.middle2(self.attention(low), time)
        h = self.decode(torch.cat([high, self.up(low)], dim=1), time)
        return self.unfold(self.head(F.silu(self.norm(h))))
