"""Pixels held out of noisy images, by which a restoration is judged without a clean image.

The noise of a pixel cannot be told from its neighbours. So what predicts a noisy pixel best from
the others is what comes nearest to the pixel's expectation (Batson & Royer, "Noise2Self", ICML
2019, Prop. 1).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dipddpm.corruption import expected_clipped

GRID = 4  # one pixel in GRID × GRID is hidden at a time
PHASES = (0, 5, 10, 15)  # of the grid: each row and column of it once


def hidden_pixels(images: Tensor, phase: int) -> Tensor:
    """Return the grid of hidden pixels of a phase, 0 … GRID² - 1: (H, W) of 0 and 1."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) % GRID == phase // GRID
    columns = torch.arange(width, device=images.device) % GRID == phase % GRID
    return (rows[:, None] & columns[None, :]).to(images.dtype)


def hide(images: Tensor, hidden: Tensor) -> Tensor:
    """Replace hidden pixels by the mean of their eight neighbours."""
    ones = F.avg_pool2d(torch.ones_like(images[:1, :1]), 3, stride=1, padding=1) * 9
    around = (F.avg_pool2d(images, 3, stride=1, padding=1) * 9 - images) / (ones - 1)
    return images * (1 - hidden) + around * hidden


def held_out_error(restore: Callable[[Tensor], Tensor], noisy: Tensor, std: float) -> float:
    """Return the mean squared error of a restoration on noisy pixels that were hidden from it.

    The noisy pixel is compared with the mean of the restored one's corruptions. But for a
    constant, the variance of the noise, that is the error against the clean pixel as the
    corruption shows it. So of several restorations the best one has the least.

    Args:
        restore: maps noisy images to restored ones, both (N, C, H, W) in [-1, 1].
        noisy: corrupted images that ``restore`` was not fitted to.
        std: the deviation of their noise on the [0, 1] scale.
    """
    error = pixels = 0.0
    for phase in PHASES:
        hidden = hidden_pixels(noisy, phase)
        expected = expected_clipped(restore(hide(noisy, hidden)), std)
        error += float(((expected - noisy).square() * hidden).sum())
        pixels += float(hidden.sum()) * noisy.shape[0] * noisy.shape[1]
    return error / pixels
