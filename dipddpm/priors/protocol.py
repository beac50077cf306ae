"""What a prior is: the part of a run that makes the images from which the DDPM learns."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from dipddpm.progress import Progress, silent

if TYPE_CHECKING:  # the configuration takes the names of the priors from the registry
    from dipddpm.config import RunConfig


class Prior(ABC):
    """The protocol of a prior. A subclass inherits what stands here and must define ``restore``.

    What the class says of itself decides everything else: which settings are searched, how long a
    run takes, what is shown, and whether a confirmation has something to compare.

    Args:
        config: the settings of the run.
        images: the images that the prior is fitted to, as the regime lets them be seen, on the
            device of the run: (N, C, H, W) in [-1, 1].
    """

    description: ClassVar[str]
    """The half-sentence for ``--help`` that completes "the DDPM learns from …"."""

    parameters: ClassVar[frozenset[str]] = frozenset()
    """The fields of :class:`RunConfig` that change this prior.

    A field that is not among them is not searched for this prior. Without ``dip_steps`` among them,
    the seconds of a fit are taken not to grow with that field.
    """

    amortised: ClassVar[bool] = True
    """Whether one fitted prior restores any image of the set.

    If so, it is fitted to the training images and measured on held-out ones. If not, it restores
    exactly the images that it was made with, those that samples start from included.
    """

    restores: ClassVar[bool] = True
    """Whether the prior changes images.

    If not, no seconds count as ``dip_time_s``, there are no noisy and restored images to look at,
    and there is nothing for a confirmation to compare.
    """

    loss: float = math.nan
    """Mean squared error on [-1, 1] at the end of the fit; NaN where nothing is fitted."""

    def __init__(self, config: "RunConfig", images: Tensor) -> None:
        self.config, self.images = config, images

    @classmethod
    def num_images(cls, config: "RunConfig", available: int) -> int:
        """Return how many of the available training images the prior makes images from."""
        return available

    @classmethod  # noqa: B027 - most priors take any images
    def check(cls, config: "RunConfig", shape: torch.Size, available: int) -> None:
        """Raise ConfigError unless the prior can take ``available`` images of shape (C, H, W)."""

    def fit(self, progress: Progress = silent) -> None:  # noqa: B027 - not all have a fit
        """Fit the prior to its images, from where it stands to the end.

        Whenever ``progress("dip", step, steps)`` is called, :meth:`state_dict` must hold all that
        the following steps depend on.

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """

    @abstractmethod
    def restore(self, images: Tensor) -> Tensor:
        """Return restored images, like ``images``: (N, C, H, W) in [-1, 1]."""

    def so_far(self, images: Tensor) -> Tensor:
        """Return what the fit, as far as it has come, makes of images that it may restore."""
        return self.restore(images)

    def fitted(self) -> tuple[Tensor, Tensor]:
        """Return the images that all of the fit has seen, clean and as it saw them.

        Both are (N, C, H, W) in [-1, 1]. They are empty unless these were one batch, corrupted once
        for all steps: then what the prior makes of them is restoration in-sample.
        """
        return self.images[:0], self.images[:0]

    def saw(self, num_train: int) -> str:
        """Return in words which of the ``num_train`` images the prior was fitted to."""
        return "nothing"

    def state_dict(self) -> dict[str, Tensor]:
        """Return the prior's state as flat tensors, which safetensors can hold."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:  # noqa: B027 - nor a state
        """Continue where :meth:`state_dict` was taken."""
