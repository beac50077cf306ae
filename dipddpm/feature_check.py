"""The check that features must pass before scores on them can be trusted.

Features that have learnt little of images take noise for images. So held-out real images are
degraded in ways that anyone can see, and scored: each degradation must score far from real images,
by FID, by precision and by the distance to the nearest real image in feature space. What counts as
far was set before any features were looked at.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from dipddpm.data import Dataset, Split
from dipddpm.features import NUM_FEATURES, FeatureNet
from dipddpm.quality import fid, nearest, precision_recall
from dipddpm.randomness import generator

MOST_IMAGES = 1000  # of each set; a check then takes seconds
BATCH = 256  # images at once; bounds memory, changes nothing
TINY = 1e-9  # keeps quotients finite

NOISE_FID = 10.0
"""Least FID of noise, in floors. Images then count as recognisable up to 2.2 floors."""

DEGRADED_FID = 3.0
"""Least FID of degraded images, in floors. The floor is what chance alone makes of real images."""

NOISE_PRECISION = 0.1
"""Largest precision of noise: nine in ten lie outside the real manifold."""

DEGRADED_PRECISION = 0.5
"""Largest precision of degraded images, in that of real ones: most lie outside."""

NEAREST = 0.9
"""Share of real images that must be nearer to other real ones than the median degraded one is."""

CLASSES = 0.5
"""Least accuracy, as a share of the way from guessing to perfection."""

Degrade = Callable[[Tensor, torch.Generator], Tensor]


def _uniform_noise(images: Tensor, rng: torch.Generator) -> Tensor:
    return torch.rand(images.shape, generator=rng) * 2 - 1


def _gaussian_noise(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return clipped noise with the mean and the deviation of each channel of the images."""
    mean, std = (f(images, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    return (mean + std * torch.randn(images.shape, generator=rng)).clamp(-1, 1)


def _blur(images: Tensor, _: torch.Generator) -> Tensor:
    """Blur by a Gaussian of a sixteenth of the side, at least 1 px."""
    from torchvision.transforms.functional import gaussian_blur  # seconds to import

    sigma = max(1.0, images.shape[-1] / 16)
    return gaussian_blur(images, [2 * round(2 * sigma) + 1] * 2, [sigma, sigma]).clamp(-1, 1)


def _shuffled_pixels(images: Tensor, rng: torch.Generator) -> Tensor:
    return shuffle_patches(images, 1, rng)


def _shuffled_patches(images: Tensor, rng: torch.Generator) -> Tensor:
    """Shuffle patches of about a quarter of the side."""
    return shuffle_patches(images, images.shape[-1] // 4, rng)


DEGRADATIONS: dict[str, Degrade] = {
    "uniform noise": _uniform_noise,
    "Gaussian noise": _gaussian_noise,
    "blur": _blur,
    "shuffled pixels": _shuffled_pixels,
    "shuffled patches": _shuffled_patches,
}
"""What is done to images (N, C, H, W) in [-1, 1] to see whether the scores tell."""

NOISES = ("uniform noise", "Gaussian noise")


def shuffle_patches(images: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """Put the patches of ``side`` px of each image in a random order of its own.

    Rows and columns left over at the right and at the bottom stay where they are.
    """
    n, _, height, width = images.shape
    rows, columns = height // side, width // side
    inner = images[..., : rows * side, : columns * side]
    grid = inner.unflatten(3, (columns, side)).unflatten(2, (rows, side))
    patches = grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # -> (N, patches, C, side, side)
    order = torch.rand(patches.shape[:2], generator=rng).argsort(dim=1)
    moved = patches[torch.arange(n)[:, None], order].unflatten(1, (rows, columns))
    result = images.clone()
    result[..., : rows * side, : columns * side] = (
        moved.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
    )
    return result


def checked_images(dataset: Dataset) -> int:
    """Return the number of images in each set that is compared by :func:`check`."""
    return min(len(dataset.start), len(dataset.validation), MOST_IMAGES)


def check(net: FeatureNet, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Return FID, precision and nearest distance of real and of degraded held-out images.

    The start split is scored, as it is and degraded, against the validation split; the test split
    stays unseen. ``nearest`` is the median distance to the nearest real image in feature space, in
    units of the distance within which nine in ten real ones lie.
    """
    n = checked_images(dataset)
    real, others = dataset.validation.images[:n], dataset.start.images[:n]
    degraded = {
        name: degrade(others, generator(0, "feature check", name))
        for name, degrade in DEGRADATIONS.items()
    }
    features = _extract(net, real)
    figures, unit = dict[str, dict[str, float]](), 1.0
    for name, images in {"real": others, **degraded}.items():
        theirs = _extract(net, images)
        distances = nearest(theirs, features)
        if name == "real":
            unit = max(float(distances.quantile(NEAREST)), TINY)
        figures[name] = {
            "fid": fid(features, theirs),
            "precision": precision_recall(features, theirs)[0],
            "nearest": float(distances.median()) / unit,
        }
    return figures


@torch.no_grad()
def _extract(net: FeatureNet, images: Tensor) -> Tensor:
    return torch.cat([net.features(part) for part in images.split(BATCH)])


def margins(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how far each figure of :func:`check` is on the good side of its limit; 1 is at it.

    The keys say in words which figure it is.
    """
    real, found = figures["real"], dict[str, float]()
    for name in DEGRADATIONS:
        its, is_noise = figures[name], name in NOISES
        least = (NOISE_FID if is_noise else DEGRADED_FID) * real["fid"]
        most = NOISE_PRECISION if is_noise else DEGRADED_PRECISION * real["precision"]
        found[f"FID of {name}"] = its["fid"] / max(least, TINY)
        found[f"precision of {name}"] = most / max(its["precision"], TINY)
        found[f"nearest distance of {name}"] = its["nearest"]
    return found


def doubts(card: Mapping[str, Any]) -> list[str]:
    """Return in words why scores on features with this card are in doubt, worst first.

    Args:
        card: its ``check``, ``checked_images``, ``accuracy`` and ``guessing``.
    """
    found = [
        f"{figure} misses its limit by a factor of {1 / max(margin, 1e-3):.2g}"
        for figure, margin in sorted(margins(card["check"]).items(), key=lambda item: item[1])
        if not margin >= 1  # NaN is no success
    ]
    right, guessed = card["accuracy"], card["guessing"]
    if right is not None and right - guessed < CLASSES * (1 - guessed):
        found.append(
            f"classes are hardly known (accuracy {right:.2f}, {guessed:.2f} by guessing), so "
            "the scores confidence and classes mean little"
        )
    if (n := card["checked_images"]) <= NUM_FEATURES:
        found.append(f"{n} held-out images are too few for an FID of {NUM_FEATURES} features")
    return found


def guessing(labels: Tensor) -> float:
    """Return the accuracy of naming the most frequent class at all of some labels (N,)."""
    return float(labels.bincount().max()) / len(labels)


@torch.no_grad()
def accuracy(net: FeatureNet, *splits: Split) -> float:
    """Return the share of the images that the network classifies right."""
    right = sum(
        int((net(images).argmax(1) == labels).sum())
        for split in splits
        for images, labels in zip(split.images.split(BATCH), split.labels.split(BATCH), strict=True)
    )
    return right / sum(map(len, splits))
