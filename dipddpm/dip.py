"""The Deep Image Prior stage: a network that turns noisy images into restored ones."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.corruption import corrupt
from dipddpm.errors import NonFiniteLossError
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

BATCH = 1024  # images restored at once; bounds memory, changes nothing


class Restorer(nn.Sequential):
    """The report's amortised prior: five 3×3 convolutions, ReLU between, no down-sampling.

    The report's widths are those of ``width=64``: channels → 64 → 128 → 128 → 64 → channels.
    Maps (N, C, H, W) in [-1, 1] to the same shape, unbounded.
    """

    def __init__(self, channels: int, width: int) -> None:
        widths = [channels, width, 2 * width, 2 * width, width, channels]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        super().__init__(*layers[:-1])  # no ReLU behind the last


def fit_restorer(
    images: Tensor,
    *,
    width: int,
    lr: float,
    steps: int,
    std: float,
    seed: int,
    progress: Progress = silent,
) -> Restorer:
    """Fit the report's restorer to one batch: Adam, mean squared error, noisy → clean.

    The report says neither way whether its noise was drawn once; here it is drawn anew at each
    step. Drawn once, the network learns that one noise by heart and restores other images worse.

    Args:
        images: the batch, (N, C, H, W) in [-1, 1], on the device to train on.
        std: of the noise, on the scale [0, 1].

    Raises:
        NonFiniteLossError: the learning rate was too high.
    """
    device = images.device
    with seeded_global(seed, "restorer"):
        net = Restorer(images.shape[1], width)
    net.to(device)
    rng = generator(seed, "restorer noise", device=device)
    optimizer = torch.optim.Adam(net.parameters(), lr, fused=True)
    losses = torch.empty(steps, device=device)
    for step in range(steps):
        loss = F.mse_loss(net(corrupt(images, std, rng)), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[step] = loss.detach()
        progress("dip", step + 1, steps)
    require_finite(losses, "DIP", f"dip_lr={lr:g}, std={std:g}")
    return net


@torch.no_grad()
def restore(net: Restorer, images: Tensor) -> Tensor:
    """Apply the restorer to (N, C, H, W) in [-1, 1]; the result is clipped to that range."""
    return torch.cat([net(batch).clamp(-1, 1) for batch in images.split(BATCH)])


def require_finite(losses: Tensor, stage: str, settings: str, first_step: int = 0) -> None:
    """Raise NonFiniteLossError that names the first bad step. Reads the device once."""
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        raise NonFiniteLossError(stage, first_step + int(bad[0]) + 1, settings)
