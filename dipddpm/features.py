"""The features that quality is measured on: a layer of a small network that knows these images.

ImageNet features have never seen a digit; these have seen nothing else. There are two kinds of
network: a classifier, and one that has also learnt to tell damaged images from whole ones. For the
built-in data sets both are shipped, so that scores compare across machines; the second is a second
opinion. For images of one's own the second kind is trained, and is the only one.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

NUM_FEATURES = 64

SOFT_LIMIT = 3.0  # deviations; beyond, features of the second kind grow no more


class FeatureNet(nn.Module):
    """A strided convolutional classifier with 64 features before its last layer.

    The features are standardised over the training images (a batch norm without gain), so each has
    about unit variance on real data whatever the data set, and an FID of 64 is about what replacing
    every image by the mean image costs.

    Args:
        image_size: height and width in pixels.
        channels: channels of the image.
        num_classes: number of classes; 1 if there are no labels.
    """

    def __init__(self, image_size: int, channels: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, 32, 3, padding=1), nn.SiLU()]
        width, size = 32, image_size
        while size > 4:
            layers += [nn.Conv2d(width, 64, 3, stride=2, padding=1), nn.SiLU()]
            width, size = 64, (size + 1) // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * size**2, NUM_FEATURES))
        self.standardise = nn.BatchNorm1d(NUM_FEATURES, affine=False)
        self.head = nn.Linear(NUM_FEATURES, num_classes)

    @property
    def num_classes(self) -> int:
        """Number of classes that the classifier knows; 1 if there are no labels."""
        return self.head.out_features

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, 64) of images (N, C, H, W) in [-1, 1]."""
        return self.standardise(self.body(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W) in [-1, 1]."""
        return self.head(F.silu(self.features(images)))


class BandFeatureNet(FeatureNet):
    """The same network on an image's bands, with features that are softly limited.

    The bands are the image and two levels of its Laplacian pyramid (Burt & Adelson 1983), each
    standardised over the training images: fine texture weighs as much as colour from the first step
    on. Far from real images the features saturate. If not, the FID of noise would be a thousand
    times that of any damage that people see.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, image_size: int, channels: int, num_classes: int) -> None:
        super().__init__(image_size, 3 * channels, num_classes)
        self.register_buffer("mean", torch.zeros(1, 3 * channels, 1, 1))
        self.register_buffer("std", torch.ones(1, 3 * channels, 1, 1))

    def raw(self, images: Tensor) -> Tensor:
        """Return the features (N, 64) before they are standardised."""
        return self.body((bands(images) - self.mean) / self.std)

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, 64) of images (N, C, H, W) in [-1, 1]."""
        return soft_limit(self.standardise(self.raw(images)))


def bands(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) and what blurring takes away, once and again: (N, 3C, H, W)."""
    once = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    twice = F.avg_pool2d(once, 5, stride=1, padding=2, count_include_pad=False)
    return torch.cat([images, images - once, once - twice], dim=1)


def soft_limit(features: Tensor) -> Tensor:
    """Keep standardised features within three deviations, and small ones as they are."""
    return SOFT_LIMIT * torch.tanh(features / SOFT_LIMIT)


@dataclass(frozen=True)
class Features:
    """A trained feature network, and what a reader of a score should know of it.

    Attributes:
        hash: of the weights; features with equal hashes are equal.
        card: what it was trained on and how well it does there; JSON.
        second: features of another network that was trained on other tasks, for a second opinion;
            None where there is none.
        noisy: features that were trained on noisy images alone, for what may see no clean one; None
            where they are not known yet, or not needed.
    """

    net: FeatureNet = field(compare=False)
    hash: str
    card: Mapping[str, Any] = field(compare=False)
    second: "Features | None" = field(default=None, compare=False)
    noisy: "Features | None" = field(default=None, compare=False)

    @property
    def accuracy(self) -> float:
        """The share of held-out images that it classifies right; NaN without labels."""
        accuracy = self.card["accuracy"]
        return math.nan if accuracy is None else accuracy

    @property
    def doubts(self) -> list[str]:
        """Why scores on these features are in doubt, worst first; empty if they are not."""
        return self.card.get("doubts", [])

    @property
    def description(self) -> str:
        """Name, hash, dimension and accuracy in one line, with the first doubt if there are any."""
        says = f"{NUM_FEATURES}-d, "
        says += "no labels" if math.isnan(self.accuracy) else f"accuracy {self.accuracy:.4f}"
        if guessing := self.card.get("guessing"):
            says += f", {guessing:.4f} by guessing"
        if self.doubts:
            more = f" and {len(self.doubts) - 1} more" if len(self.doubts) > 1 else ""
            says += f"; in doubt: {self.doubts[0]}{more}"
        return f"{self.card['name']}@{self.hash} ({says})"


def features_of(net: FeatureNet, card: Mapping[str, Any]) -> Features:
    """Return a trained network as features, in evaluation mode, by the hash of its weights."""
    digest = hashlib.sha256(save(net.state_dict())).hexdigest()[:16]
    return Features(net.eval().requires_grad_(False), digest, card)
