"""Classical denoisers as priors: what is common to all of them.

A denoiser has one number, its strength. Strength and contrast are set from the images that the
regime lets be seen, so nothing is left to search.
"""

import functools
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dipddpm.corruption import degrade, noise_text
from dipddpm.errors import ConfigError
from dipddpm.grey_values import Curve, clean_quantiles, quantiles
from dipddpm.held_out_pixels import held_out_error
from dipddpm.priors.protocol import Prior
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator

if TYPE_CHECKING:
    from dipddpm.config import RunConfig

Denoiser = Callable[[Tensor, float], Tensor]
"""Maps images (N, C, H, W) in [-1, 1] and a strength to smoother images."""

FEWEST = 16  # images from which a strength can be chosen
JUDGED = 128  # images by which the strengths are compared, at most half of all
SHOWN = 2048  # clean images whose grey values are taken


class Classical(Prior):
    """A denoiser whose strength is chosen, and a curve that gives back the contrast.

    Smoothing takes away contrast, and clipping has drawn the mean of noisy images to the middle.
    One rising curve undoes both: it gives denoised pixels the distribution of clean ones. Each
    strength has a curve of its own, and is judged by the images after the curve.

    In the noisy regime that distribution is estimated from noisy pixels (it needs ``std``), and the
    strength is the one that predicts noisy pixels best that it has not seen: nothing clean is. In
    the clean regime clean images are there, and the strength is the one that restores them best
    after noise was added to them.
    """

    parameters: ClassVar[frozenset[str]] = frozenset({"std", "dip_step"})

    strengths: ClassVar[tuple[float, ...]]
    """The strengths that are compared, from weak to strong."""

    def __init__(self, config: "RunConfig", images: Tensor) -> None:
        super().__init__(config, images)
        self.is_blind = config.regime == "noisy"
        self.noisy = images
        if not self.is_blind:
            rng = generator(config.seed, "classical noise", device=images.device)
            self.noisy = degrade(images, config, rng)
        self.errors: list[float] = []

    @classmethod
    def check(cls, config: "RunConfig", shape: torch.Size, available: int) -> None:
        if available < FEWEST:
            raise ConfigError("train_size", available, f"at least {FEWEST} for {config.prior}")

    @abstractmethod
    def denoiser(self, noisy: Tensor) -> Denoiser:
        """Return the denoiser, fitted to noisy images if it learns from any."""

    def fit(self, progress: Progress = silent) -> None:
        """Judge the strengths that are left; ``loss`` is the chosen one's error."""
        num_judged = min(JUDGED, len(self.noisy) // 2)
        denoise = self.denoiser(self.noisy[num_judged:])
        while len(self.errors) < len(self.strengths):
            restore = self._restoration(denoise, self.strengths[len(self.errors)])
            self.errors.append(self._error(restore, num_judged))
            progress("dip", len(self.errors), len(self.strengths))
        self.loss = min(self.errors, default=math.nan)

    def _error(self, restore: Callable[[Tensor], Tensor], num_judged: int) -> float:
        noisy = self.noisy[:num_judged]
        if self.is_blind:
            return held_out_error(restore, noisy, self.config.std)
        return float(F.mse_loss(restore(noisy), self.images[:num_judged]))

    def _restoration(self, denoise: Denoiser, strength: float) -> Callable[[Tensor], Tensor]:
        smoothed = denoise(self.noisy[:JUDGED], strength)
        curve = Curve.between(quantiles(smoothed), self._clean_quantiles)
        return lambda images: curve(denoise(images, strength))

    @functools.cached_property
    def _clean_quantiles(self) -> np.ndarray:
        if self.is_blind:
            return clean_quantiles(self.noisy, self.config.std)
        return quantiles(self.images[:SHOWN])

    @property
    def strength(self) -> float:
        """The strength of the least error."""
        return self.strengths[self.errors.index(min(self.errors))]

    @functools.cached_property
    def _chosen(self) -> Callable[[Tensor], Tensor]:
        return self._restoration(self.denoiser(self.noisy), self.strength)

    def restore(self, images: Tensor) -> Tensor:
        """Return any images of the set's size, restored: like ``images``, in [-1, 1]."""
        return self._chosen(images)

    def saw(self, num_train: int) -> str:
        noise, chosen = noise_text(self.config), f"strength {self.strength:.3g}"
        if self.is_blind:
            return f"noisy train[0:{num_train}] ({noise}), nothing clean; {chosen} by hidden pixels"
        return f"clean train[0:{num_train}], with noise of {noise} drawn once; {chosen}"

    def state_dict(self) -> dict[str, Tensor]:
        """Return the errors so far, from which all else follows."""
        return {"errors": torch.tensor(self.errors, dtype=torch.float64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        self.errors = state["errors"].tolist()
        self.loss = min(self.errors, default=math.nan)
