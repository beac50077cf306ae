"""The distribution of clean grey values, estimated from noisy ones, and curves that lead to it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LEVELS = np.linspace(0, 1, 1025)  # at which quantiles are taken
CLEAN_VALUES = 129  # grey values that a clean pixel can have
NOISY_BINS = 64  # of noisy values between black and white, which are bins of their own
EM_STEPS = 3000  # stopped there, since more of them sharpen what the noise has left open


def quantiles(values: Tensor) -> np.ndarray:
    """Return the quantiles of values of any shape at :data:`LEVELS`."""
    return np.quantile(values.double().cpu().numpy(), LEVELS)


def clean_quantiles(noisy: Tensor, std: float) -> np.ndarray:
    """Return the quantiles of clean pixels in [-1, 1] at :data:`LEVELS`, from noisy images alone.

    The distribution of noisy values is that of the clean ones, blurred by a noise that is known.
    The most likely distribution of clean values is found by expectation maximisation, known as
    Richardson-Lucy deconvolution (Lucy, Astron. J. 1974, Eq. 15), here of a histogram.

    Args:
        noisy: images that :func:`dipddpm.corruption.corrupt` has made, in [-1, 1].
        std: the deviation of their noise on the [0, 1] scale.
    """
    values = (noisy.cpu().double().numpy().ravel() + 1) / 2
    edges = np.linspace(0, 1, NOISY_BINS + 1)
    inside = np.histogram(values[(values > 0) & (values < 1)], edges)[0]
    observed = np.array([(values <= 0).sum(), *inside, (values >= 1).sum()]) / values.size

    clean = torch.linspace(0, 1, CLEAN_VALUES, dtype=torch.float64)
    normal = torch.distributions.Normal(clean, std)
    below = torch.stack([normal.cdf(edge) for edge in torch.from_numpy(edges)])  # (bins + 1, clean)
    likelihood = torch.cat([below[:1], below.diff(dim=0), 1 - below[-1:]]).numpy()
    share = np.full(CLEAN_VALUES, 1 / CLEAN_VALUES)
    for _ in range(EM_STEPS):
        share = share * (likelihood.T @ (observed / (likelihood @ share)))
    # a value's share lies half below and half above it
    return np.interp(LEVELS, np.cumsum(share) - share / 2, clean.numpy()) * 2 - 1


@dataclass(frozen=True)
class Curve:
    """A rising curve of grey values that gives images the histogram that is wanted.

    This is histogram specification (Gonzalez & Woods, Digital Image Processing, Sec. 3.3).

    Attributes:
        source: grey values, which rise strictly: (K,).
        target: what each of them becomes; between them the curve is straight.
    """

    source: np.ndarray
    target: np.ndarray

    @classmethod
    def between(cls, before: np.ndarray, after: np.ndarray) -> "Curve":
        """Return the curve that leads from some quantiles to others at the same levels."""
        source, first = np.unique(before, return_index=True)
        last = np.append(first[1:], len(before)) - 1
        return cls(source, (after[first] + after[last]) / 2)

    def __call__(self, images: Tensor) -> Tensor:
        """Return images with their grey values changed, like ``images``."""
        values = np.interp(images.cpu().numpy(), self.source, self.target)
        return torch.from_numpy(values).to(images)
