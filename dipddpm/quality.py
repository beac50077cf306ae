"""Scores of generated images against clean held-out real ones: pure functions of tensors.

Feature matrices have shape (N, D); images (N, C, H, W) in [-1, 1].
"""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.data import Dataset
from dipddpm.features import NUM_FEATURES, Features
from dipddpm.randomness import generator, seeded_global

KID_SUBSETS = 50
KID_SUBSET_SIZE = 100


class _Precomputed(nn.Identity):
    """Stands where torchmetrics wants a feature extractor: the input is features already."""

    num_features = NUM_FEATURES


def fid(real: Tensor, generated: Tensor) -> float:
    """Fréchet distance of Gaussians fitted to two feature sets (Heusel et al. 2017, Eq. 6); ≥ 0.

    Biased upwards where images are few: compare only at equal N, and beside the floor.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance  # seconds to import, as below

    metric = FrechetInceptionDistance(feature=_Precomputed()).set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return max(0.0, float(metric.compute()))  # rounding can leave -1e-13


def kid(real: Tensor, generated: Tensor, seed: int) -> tuple[float, float]:
    """Kernel distance, unbiased (Bińkowski et al. 2018, Eq. 4); mean and standard deviation.

    Over 50 random subsets of 100 (or as many as there are); the deviation is over subsets, not over
    repeated samplings.
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
    """Improved precision and recall (Kynkäänniemi et al. 2019, Eq. 1 and 2); each 0 … 1.

    Precision: the share of generated images inside the real manifold; recall: the reverse. A
    manifold is the union of balls that reach to each member's ``k``-th nearest neighbour.
    """

    def share_inside(points: Tensor, members: Tensor) -> float:
        # the nearest neighbour of a member is itself, so the k-th other one has rank k + 1
        radii = torch.cdist(members, members).kthvalue(k + 1, dim=1).values
        return float((torch.cdist(points, members) <= radii).any(dim=1).float().mean())

    return share_inside(generated, real), share_inside(real, generated)


def nearest(images: Tensor, others: Tensor) -> Tensor:
    """Root-mean-square pixel distance to the nearest of ``others``, per image: (N,), 0 … 2."""
    distances = torch.cdist(images.flatten(1), others.flatten(1)).amin(dim=1)
    return distances / images[0].numel() ** 0.5


def psnr(images: Tensor, reference: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB over images; the peak is 2, the range's width."""
    mse = F.mse_loss(images, reference, reduction="none").flatten(1).mean(dim=1)
    return float((10 * torch.log10(4 / mse.clamp(min=1e-10))).mean())


def ssim(images: Tensor, reference: Tensor) -> float:
    """Structural similarity (Wang et al. 2004), -1 … 1, by torchmetrics.

    With the usual Gaussian window of 11 px; for smaller images with a uniform one of 7 px.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    settings: dict[str, Any] = {"gaussian_kernel": False, "kernel_size": 7}
    if images.shape[-1] >= 11:
        settings = {"gaussian_kernel": True, "sigma": 1.5}  # as wide as the paper's 11 px
    value: Any = structural_similarity_index_measure(
        images, reference, data_range=(-1.0, 1.0), **settings
    )
    return float(value)


@dataclass(frozen=True)
class Scores:
    """Quality of one set of generated images. Lower is better for the first three."""

    fid: float
    kid: float
    kid_std: float
    precision: float
    recall: float
    confidence: float
    """Mean probability that the classifier gives its own choice, 0 … 1."""
    classes: int
    """How many classes the classifier sees among the images."""
    contrast: float
    """Mean standard deviation of an image's pixels, divided by that of real images; 1 is right."""
    nearest_train: float
    """Median distance to the nearest training image, divided by that of real held-out images: well
    below 1 is copying."""
    nearest_source: float
    """Median distance to the image that the reverse process was started from, on the same scale;
    NaN if it was started from noise."""


class Reference:
    """All that stays the same from one scoring to the next.

    Args:
        dataset: whose held-out splits are scored against.
        features: of that data set.
        scored_images: how many images each scored set has; the floor is measured at this size.
        split: ``validation`` or ``test``; the other one measures the floor.
    """

    def __init__(
        self, dataset: Dataset, features: Features, scored_images: int, split: str = "validation"
    ) -> None:
        self.features = features
        self.scored_images = scored_images
        held_out = {"validation": dataset.validation.images, "test": dataset.test.images}
        self.real = held_out.pop(split)
        self.train = dataset.train.images
        self.real_features = self._extract(self.real)
        (others,) = held_out.values()
        others = others[:scored_images]
        self.fid_floor = fid(self.real_features, self._extract(others))
        """FID of real held-out images against real held-out images: what perfection would score."""
        noise = torch.randn(
            (scored_images, *self.real.shape[1:]), generator=generator(0, "noise floor")
        ).clamp_(-1, 1)
        self.fid_noise = fid(self.real_features, self._extract(noise))
        """FID of clipped Gaussian noise: what an untrained sampler scores."""
        self.real_contrast = _contrast(self.real)
        self.real_nearest = float(nearest(others, self.train).median())

    @torch.no_grad()
    def _extract(self, images: Tensor) -> Tensor:
        return self.features.net.features(images)

    @torch.no_grad()
    def score(self, images: Tensor, sources: Tensor | None = None) -> Scores:
        """Score ``scored_images`` generated images, (N, C, H, W) in [-1, 1].

        ``sources``, like ``images``, are what the reverse process was started from.
        """
        extracted = self._extract(images)
        kid_mean, kid_std = kid(self.real_features, extracted, seed=0)
        precision, recall = precision_recall(self.real_features, extracted)
        confidence, classes = self.features.net(images).softmax(dim=1).max(dim=1)
        return Scores(
            fid=fid(self.real_features, extracted),
            kid=kid_mean,
            kid_std=kid_std,
            precision=precision,
            recall=recall,
            confidence=float(confidence.mean()),
            classes=len(classes.unique()),
            contrast=_contrast(images) / self.real_contrast,
            nearest_train=float(nearest(images, self.train).median()) / self.real_nearest,
            nearest_source=float("nan") if sources is None else self._distance(images, sources),
        )

    def _distance(self, images: Tensor, sources: Tensor) -> float:
        """Median root-mean-square distance, pair by pair, on the scale of ``nearest_train``."""
        rms = (images - sources).square().flatten(1).mean(dim=1).sqrt()
        return float(rms.median()) / self.real_nearest


def _contrast(images: Tensor) -> float:
    return float(images.flatten(1).std(dim=1).mean())
