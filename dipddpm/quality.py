"""Scores of generated images against clean held-out real ones.

The metrics are pure functions of tensors: feature matrices of shape (N, D), images (N, C, H, W) in
[-1, 1]. ``SCORES`` names what a run records; a new score needs one entry there.
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.data import Dataset
from dipddpm.errors import NonFiniteImagesError
from dipddpm.features import NUM_FEATURES, Features
from dipddpm.randomness import generator, seeded_global
from dipddpm.record import NOVEL

KID_SUBSETS = 50
KID_SUBSET_SIZE = 100
WAY_TO_NOISE = 1 / 3  # on a logarithmic scale, from the floor: up to there is recognisable


class _Precomputed(nn.Identity):
    """The identity where torchmetrics wants a feature extractor: the input is features already."""

    num_features = NUM_FEATURES


def fid(real: Tensor, generated: Tensor) -> float:
    """Return the Fréchet distance of Gaussians fitted to two feature sets (N, D); at least 0.

    It is NaN where a feature is not finite. Heusel et al. (2017), Eq. 6. The estimate is biased
    upwards where images are few: compare it only at equal N, and beside the floor.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance  # seconds to import, as below

    if not (real.isfinite().all() and generated.isfinite().all()):
        return math.nan  # some processors' linear algebra ends the process over such a matrix
    metric = FrechetInceptionDistance(feature=_Precomputed()).set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    distance = float(metric.compute())
    return max(0.0, distance) if math.isfinite(distance) else distance  # rounding leaves -1e-13


def kid(real: Tensor, generated: Tensor, seed: int) -> tuple[float, float]:
    """Return the unbiased kernel distance (Bińkowski et al. 2018, Eq. 4) and its deviation.

    Both are taken over 50 random subsets of 100 images, or of as many as there are. The deviation
    is over subsets, not over repeated samplings.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(KID_SUBSET_SIZE, len(real), len(generated))
    with warnings.catch_warnings():  # it warns of keeping all features, which are here anyway
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all")
        metric = KernelInceptionDistance(
            feature=_Precomputed(), subsets=KID_SUBSETS, subset_size=size
        )
    metric.update(real, real=True)
    metric.update(generated, real=False)
    with seeded_global(seed, "kid"):  # its subsets come from the global generator
        mean, std = metric.compute()
    return float(mean), float(std)


def precision_recall(real: Tensor, generated: Tensor, k: int = 3) -> tuple[float, float]:
    """Return improved precision and recall, each 0 … 1 (Kynkäänniemi et al. 2019, Eq. 1 and 2).

    Precision is the share of generated images inside the real manifold, recall the reverse. A
    manifold is the union of balls that reach to each member's ``k``-th nearest neighbour.
    """

    def share_inside(points: Tensor, members: Tensor) -> float:
        # the nearest neighbour of a member is itself, so the k-th other one has rank k + 1
        radii = torch.cdist(members, members).kthvalue(k + 1, dim=1).values
        return float((torch.cdist(points, members) <= radii).any(dim=1).float().mean())

    return share_inside(generated, real), share_inside(real, generated)


def nearest(images: Tensor, others: Tensor) -> Tensor:
    """Return each image's root-mean-square distance to the nearest of ``others``: (N,), 0 … 2."""
    distances = torch.cdist(images.flatten(1), others.flatten(1)).amin(dim=1)
    return distances / images[0].numel() ** 0.5


def psnr(images: Tensor, reference: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in dB; the peak is 2, the width of the range."""
    mse = F.mse_loss(images, reference, reduction="none").flatten(1).mean(dim=1)
    return float((10 * torch.log10(4 / mse.clamp(min=1e-10))).mean())


def ssim(images: Tensor, reference: Tensor) -> float:
    """Return the structural similarity (Wang et al. 2004), -1 … 1, by torchmetrics.

    The window is the usual Gaussian of 11 px; for smaller images it is a uniform one of 7 px.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    settings: dict[str, Any] = {"gaussian_kernel": False, "kernel_size": 7}
    if images.shape[-1] >= 11:
        settings = {"gaussian_kernel": True, "sigma": 1.5}  # as wide as the paper's 11 px
    value: Any = structural_similarity_index_measure(
        images, reference, data_range=(-1.0, 1.0), **settings
    )
    return float(value)


def contrast(images: Tensor) -> float:
    """Return the mean over images of the standard deviation of an image's pixels; 0 … 1."""
    return float(images.flatten(1).std(dim=1).mean())


def noise_like(images: Tensor, count: int) -> Tensor:
    """Return so many images of clipped Gaussian noise of the shape of ``images`` (N, C, H, W)."""
    rng = generator(0, "noise floor")
    return torch.randn((count, *images.shape[1:]), generator=rng).clamp_(-1, 1)


def recognisable_fid(floor: float, noise: float) -> float:
    """Return the FID up to which images count as recognisable: floor^⅔ · noise^⅓.

    Args:
        floor: FID of real images.
        noise: FID of noise.
    """
    return floor ** (1 - WAY_TO_NOISE) * noise**WAY_TO_NOISE


class Reference:
    """All that stays the same from one scoring to the next.

    Args:
        dataset: its held-out splits are what images are scored against.
        features: the features of that data set.
        scored_images: how many images each scored set has; the floor is measured at this size.
        split: ``validation`` or ``test``; the other one measures the floor.

    Attributes:
        has_labels: whether the images have classes that a classifier knows.
        real: the real images of that split, and ``real_features`` their features.
        train: the training images.
        fid_floor: FID of real held-out images against real held-out images, which perfect samples
            would score.
        fid_noise: FID of clipped Gaussian noise, which an untrained sampler scores.
        fid_second_floor: the floor by the second features; NaN where there are none.
        real_contrast: contrast of the real images.
        real_nearest: median distance of real held-out images to the nearest training image.
    """

    def __init__(
        self,
        dataset: Dataset,
        features: Features,
        scored_images: int,
        split: str = "validation",
    ) -> None:
        self.features = features
        self.has_labels = features.net.num_classes > 1
        self.scored_images = scored_images
        held_out = {"validation": dataset.validation.images, "test": dataset.test.images}
        self.real = held_out.pop(split)
        self.train = dataset.train.images
        self.real_features: Tensor = self.extract(self.real)
        (others,) = held_out.values()
        others = others[:scored_images]
        self.fid_floor = fid(self.real_features, self.extract(others))
        self.fid_noise = fid(self.real_features, self.extract(noise_like(others, scored_images)))
        self._second_real = _extract(features.second, self.real) if features.second else None
        self.fid_second_floor = self.fid_second(others)
        self.real_contrast: float = contrast(self.real)
        self.real_nearest = float(nearest(others, self.train).median())

    def extract(self, images: Tensor) -> Tensor:
        """Return the features (N, D) of images (N, C, H, W) in [-1, 1]."""
        return _extract(self.features, images)

    def fid_second(self, images: Tensor) -> float:
        """Return the FID of images (N, C, H, W) by the second features; NaN where there are none.

        Networks that have learnt other tasks see other faults (see docs/method.md).
        """
        if self.features.second is None or self._second_real is None:
            return math.nan
        return fid(self._second_real, _extract(self.features.second, images))

    @property
    def fid_threshold(self) -> float:
        """FID up to which images count as recognisable."""
        return recognisable_fid(self.fid_floor, self.fid_noise)

    def score(self, images: Tensor, sources: Tensor | None = None) -> dict[str, float]:
        """Return the :data:`SCORES` of ``scored_images`` generated images by name.

        Args:
            images: (N, C, H, W) in [-1, 1].
            sources: the images like ``images`` that the reverse process was started from, if any.

        Raises:
            NonFiniteImagesError: an image holds NaN or infinity.
        """
        bad = int((~images.isfinite()).flatten(1).any(dim=1).sum())
        if bad:
            raise NonFiniteImagesError(bad, len(images))
        drawn = Drawn(images, sources, self)
        return {name: score(drawn) for name, score in SCORES.items()}


@torch.no_grad()
def _extract(features: Features, images: Tensor) -> Tensor:
    return features.net.features(images)


class Drawn:
    """One set of drawn images, with what several scores share; each is computed once.

    Attributes:
        images: (N, C, H, W) in [-1, 1].
        sources: the images like ``images`` that the reverse process was started from, if any.
        reference: what they are scored against.
    """

    def __init__(self, images: Tensor, sources: Tensor | None, reference: Reference) -> None:
        self.images, self.sources, self.reference = images, sources, reference

    @functools.cached_property
    def features(self) -> Tensor:
        """The features of the images: (N, D)."""
        return self.reference.extract(self.images)

    @functools.cached_property
    def fid(self) -> float:
        """The Fréchet distance to the real images."""
        return fid(self.reference.real_features, self.features)

    @functools.cached_property
    def kid(self) -> tuple[float, float]:
        """The kernel distance and its deviation over subsets."""
        return kid(self.reference.real_features, self.features, seed=0)

    @functools.cached_property
    def precision_recall(self) -> tuple[float, float]:
        """Improved precision and recall."""
        return precision_recall(self.reference.real_features, self.features)

    @functools.cached_property
    @torch.no_grad()
    def choices(self) -> tuple[Tensor, Tensor]:
        """The classifier's probability of its own choice, and the choice: (N,) each."""
        probability, choice = self.reference.features.net(self.images).softmax(dim=1).max(dim=1)
        return probability, choice


Score = Callable[[Drawn], float]


def _confidence(drawn: Drawn) -> float:
    return float(drawn.choices[0].mean()) if drawn.reference.has_labels else math.nan


def _classes(drawn: Drawn) -> float:
    return len(drawn.choices[1].unique()) if drawn.reference.has_labels else math.nan


def _relative(value: float, real: float) -> float:
    """Return a value in units of the real images' own; NaN where theirs is 0."""
    return value / real if real else math.nan


def _contrast(drawn: Drawn) -> float:
    return _relative(contrast(drawn.images), drawn.reference.real_contrast)


def _nearest_train(drawn: Drawn) -> float:
    distances = nearest(drawn.images, drawn.reference.train)
    return _relative(float(distances.median()), drawn.reference.real_nearest)


def _nearest_source(drawn: Drawn) -> float:
    if drawn.sources is None:
        return float("nan")
    rms = (drawn.images - drawn.sources).square().flatten(1).mean(dim=1).sqrt()
    return _relative(float(rms.median()), drawn.reference.real_nearest)


def _fid_novel(drawn: Drawn) -> float:
    return math.nan if _nearest_source(drawn) < NOVEL else drawn.fid


SCORES: dict[str, Score] = {
    "fid": lambda drawn: drawn.fid,
    "kid": lambda drawn: drawn.kid[0],
    "kid_std": lambda drawn: drawn.kid[1],
    "precision": lambda drawn: drawn.precision_recall[0],
    "recall": lambda drawn: drawn.precision_recall[1],
    # FID by features of another network; NaN where the data set has no second ones
    "fid_second": lambda drawn: drawn.reference.fid_second(drawn.images),
    # FID of images that are new; NaN where they are copies of those that they were started from
    "fid_novel": _fid_novel,
    # mean probability that the classifier gives its own choice, 0 … 1; NaN without labels
    "confidence": _confidence,
    # how many classes the classifier sees among the images; NaN without labels
    "classes": _classes,
    # relative to real images: 1 is right
    "contrast": _contrast,
    # median distance to the nearest training image, relative to that of real held-out images: well
    # below 1 is copying
    "nearest_train": _nearest_train,
    # median distance to the image that the reverse process was started from, on the same scale;
    # NaN if it was started from noise
    "nearest_source": _nearest_source,
}
"""What a run records of its drawn images, in this order: name → function of the images."""
