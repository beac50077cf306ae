"""The amortised prior: one small network that restores any image of the set."""

import time
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.corruption import corrupt
from dipddpm.data import from_unit, to_unit
from dipddpm.errors import ConfigError, require_finite
from dipddpm.networks.unet import UNet
from dipddpm.optimizer import load_moments, moments, under
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

BATCH = 1024  # images restored at once; bounds memory, changes nothing
CHECK_EVERY = 100  # steps between looks at the losses, for which the device is waited for
GRID = 4  # one pixel in GRID × GRID is hidden at a time (Noise2Self)


class UNetRestorer(nn.Module):
    """The denoiser's compact U-Net, its time held at 0; it predicts what is to be added.

    Residual learning (Zhang et al. 2017, DnCNN): where there is little noise, little is to be done.

    Maps (N, C, H, W) in [-1, 1] to the same shape, unbounded.
    """

    def __init__(self, image_size: int, channels: int, width: int) -> None:
        super().__init__()
        self.unet = UNet(image_size, channels, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unet(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))


class OriginalRestorer(nn.Sequential):
    """The original's: five 3×3 convolutions, ReLU between, no down-sampling.

    The original's widths are those of ``width=64``: channels → 64 → 128 → 128 → 64 → channels.
    Maps (N, C, H, W) in [-1, 1] to the same shape, unbounded.
    """

    def __init__(self, channels: int, width: int) -> None:
        widths = [channels, width, 2 * width, 2 * width, width, channels]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        super().__init__(*layers[:-1])  # no ReLU behind the last


class UnitRange(nn.Module):
    """A network that sees images, and is padded, in [0, 1]; from the outside it is in [-1, 1]."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return from_unit(self.net(to_unit(x)))


def make_restorer(
    name: str,
    image_size: int,
    channels: int,
    width: int,
    seed: int,
    value_range: str = "symmetric",
) -> nn.Module:
    """The network that ``RunConfig.restorer`` names, with fresh weights.

    Raises:
        ConfigError: it cannot take images of that size.
    """
    with seeded_global(seed, "restorer"):
        net: nn.Module
        if name == "original":
            net = OriginalRestorer(channels, width)
        else:
            net = UNetRestorer(image_size, channels, width)
    return UnitRange(net) if value_range == "unit" else net


class Fit:
    """A restorer's training by Adam and mean squared error, which can be cut off and continued.

    With ``std``, ``images`` are clean, and the network maps them, with noise of that deviation
    drawn anew at each step (or ``noise_once`` for all steps), back to themselves.

    Without, ``images`` are all noisy and nothing clean is seen: Noise2Self (Batson & Royer, ICML
    2019). Pixels on a sparse grid are replaced by the mean of their neighbours, and the network is
    asked for their noisy values; since the noise of a pixel cannot be told from its neighbours, the
    best answer is its expectation.

    Args:
        net: from :func:`make_restorer`, on the device of the images; it is trained in place.
        images: (N, C, H, W) in [-1, 1].
        one_batch: with ``std``, all steps see the first ``batch_size`` images, as in the
            original report.

    Raises:
        ConfigError: fewer images than ``batch_size``.
    """

    def __init__(
        self,
        net: nn.Module,
        images: Tensor,
        *,
        std: float | None,
        batch_size: int,
        one_batch: bool = False,
        noise_once: bool = False,
        lr: float,
        steps: int,
        seed: int,
    ) -> None:
        if batch_size > len(images):
            most = f"at most {len(images)}, the number of images"
            raise ConfigError("dip_batch_size", batch_size, most)
        self.net, self.std, self.batch_size, self.steps = net, std, batch_size, steps
        self.one_batch = one_batch and std is not None
        self.images = images[:batch_size] if self.one_batch else images
        self.rng = generator(seed, "restorer noise", device=images.device)
        self.noisy: Tensor | None = None
        if std is not None and noise_once:
            self.noisy = corrupt(self.images, std, self.rng)
        self.optimizer = torch.optim.Adam(net.parameters(), lr, fused=True)
        self.losses = torch.empty(steps, device=images.device)
        self.settings = f"dip_lr={lr:g}" + ("" if std is None else f", std={std:g}")
        self.done = 0
        self._began, self.earlier_s = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Since it began, those before it was cut off included."""
        return self.earlier_s + time.perf_counter() - self._began

    def run(self, progress: Progress = silent) -> float:
        """All steps that are left; returns the mean loss over the last ones (at most 10).

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """
        while self.done < self.steps:
            loss = self._loss()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses[self.done] = loss.detach()
            self.done += 1
            progress("dip", self.done, self.steps)
            if self.done % CHECK_EVERY == 1 or self.done == self.steps:
                require_finite(self.losses[: self.done], "DIP", self.settings)
        return float(self.losses[-10:].mean())

    def _loss(self) -> Tensor:
        chosen: Tensor | slice = slice(None)
        if not self.one_batch:
            size, device = (self.batch_size,), self.images.device
            chosen = torch.randint(len(self.images), size, generator=self.rng, device=device)
        target = self.images[chosen]
        if self.std is not None:
            noisy = self.noisy
            source = corrupt(target, self.std, self.rng) if noisy is None else noisy[chosen]
            return F.mse_loss(self.net(source), target)
        hidden = hidden_pixels(target, self.done % GRID**2)
        error = (self.net(hide(target, hidden)) - target).square()
        return (error * hidden).sum() / (hidden.sum() * target.shape[0] * target.shape[1])

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next step depends on, as flat tensors."""
        return {
            "done": torch.tensor(self.done),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "random_state": self.rng.get_state(),
            "losses": self.losses[: self.done],
            **{f"net.{name}": value for name, value in self.net.state_dict().items()},
            **moments(self.optimizer),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        self.done, self.earlier_s = int(state["done"]), float(state["seconds"])
        self.rng.set_state(state["random_state"].cpu())
        self.losses[: self.done] = state["losses"]
        self.net.load_state_dict(under("net.", state))
        load_moments(self.optimizer, state)


def hidden_pixels(images: Tensor, phase: int) -> Tensor:
    """The grid of hidden pixels, phase 0 … GRID² - 1: (H, W) of 0 and 1."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) % GRID == phase // GRID
    columns = torch.arange(width, device=images.device) % GRID == phase % GRID
    return (rows[:, None] & columns[None, :]).to(images.dtype)


def hide(images: Tensor, hidden: Tensor) -> Tensor:
    """Replace hidden pixels by the mean of their eight neighbours."""
    ones = F.avg_pool2d(torch.ones_like(images[:1, :1]), 3, stride=1, padding=1) * 9
    around = (F.avg_pool2d(images, 3, stride=1, padding=1) * 9 - images) / (ones - 1)
    return images * (1 - hidden) + around * hidden


@torch.no_grad()
def restore(net: nn.Module, images: Tensor) -> Tensor:
    """Apply the restorer to (N, C, H, W) in [-1, 1]; the result is clipped to that range."""
    return torch.cat([net(batch).clamp(-1, 1) for batch in images.split(BATCH)])


@torch.no_grad()
def restore_blind(net: nn.Module, images: Tensor) -> Tensor:
    """Apply a Noise2Self network as it was trained: no pixel is seen by its own estimate."""
    result = torch.zeros_like(images)
    for phase in range(GRID**2):
        hidden = hidden_pixels(images, phase)
        result += restore(net, hide(images, hidden)) * hidden
    return result
