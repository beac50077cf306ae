"""The score of the noisy regime: drawn images against noisy real ones, where only these exist.

What chooses a setting there may know no clean image, nor anything that was learnt from one. So the
clean data set is left behind at :func:`as_observed`, and the features are trained on what that
returns.
"""

import functools

import torch
from torch import Tensor

from dipddpm.corruption import corrupt
from dipddpm.data import Dataset, Split
from dipddpm.features import Features
from dipddpm.quality import fid, noise_like, recognisable_fid
from dipddpm.randomness import generator

MOST_IMAGES = 10_000  # training images; features are trained on 19,200 drawn ones at most

NOISY_SCORES = (
    "fid_corrupted",
    "fid_corrupted_floor",
    "fid_corrupted_noise",
    "fid_corrupted_threshold",
)
"""What a run in the noisy regime records besides the scores against clean images."""


@functools.lru_cache(maxsize=2)
def as_observed(dataset: Dataset, std: float) -> Dataset:
    """Return a data set as the noisy regime sees it: each image corrupted once, without labels.

    It is the same for all runs. Of the whole train split it has :data:`MOST_IMAGES` at most.
    """

    def observe(name: str, split: Split) -> Split:
        rng = generator(0, "observed", name)
        return Split(corrupt(split.images, std, rng), torch.zeros_like(split.labels))

    train = observe("train", dataset.full_train.take(slice(MOST_IMAGES)))
    others = {
        name: observe(name, getattr(dataset, name)) for name in ("start", "validation", "test")
    }
    return Dataset(f"{dataset.name}-noisy-{std:g}", train=train, full_train=train, **others)


class NoisyReference:
    """What drawn images are compared with in the noisy regime; it holds no clean image.

    Where only noisy images exist, drawn ones can be compared with them once the same noise is added
    to these (Bora, Price & Dimakis, "AmbientGAN", ICLR 2018).

    Args:
        noisy: the images as :func:`as_observed` returns them.
        features: features that were trained on these.
        scored_images: how many images each scored set has; the floor is measured at this size.
        split: ``validation`` or ``test``; the other one measures the floor.
        std: deviation of the noise.

    Attributes:
        floor: FID of noisy real held-out images against such, which perfect samples would have.
        noise: FID of clipped Gaussian noise to which the noise is added.
        threshold: FID at which drawn images count as recognisable, as among clean ones.
    """

    def __init__(
        self, noisy: Dataset, features: Features, scored_images: int, split: str, std: float
    ) -> None:
        self.features, self.std = features, std
        held_out = {"validation": noisy.validation.images, "test": noisy.test.images}
        real = held_out.pop(split)
        (others,) = held_out.values()
        self.real_features = self.extract(real)
        self.floor = fid(self.real_features, self.extract(others[:scored_images]))
        self.noise = self.fid(noise_like(real, scored_images))
        self.threshold = recognisable_fid(self.floor, self.noise)

    @torch.no_grad()
    def extract(self, images: Tensor) -> Tensor:
        """Return the features (N, 64) of noisy images."""
        return self.features.net.features(images)

    def fid(self, images: Tensor) -> float:
        """Return the FID of drawn images (N, C, H, W), once the noise is added, to noisy ones."""
        noised = corrupt(images, self.std, generator(0, "observed", "drawn"))
        return fid(self.real_features, self.extract(noised))

    def score(self, images: Tensor) -> dict[str, float]:
        """Return the :data:`NOISY_SCORES` of drawn images by name."""
        values = (self.fid(images), self.floor, self.noise, self.threshold)
        return dict(zip(NOISY_SCORES, values, strict=True))
