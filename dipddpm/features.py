"""The features that quality is measured on: the penultimate layer of a small classifier.

ImageNet features have never seen a digit; these have seen nothing else. The weights of the
built-in data sets are shipped (``dipddpm/weights``), so that scores compare across machines; they
were trained on the train split alone by ``python -m dipddpm.train_features``.
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files

from safetensors.torch import load
from torch import Tensor, nn

NUM_FEATURES = 64


class FeatureNet(nn.Module):
    """A strided convolutional classifier with 64 features before its last layer.

    The features are standardised over the training images (a batch norm without gain), so each has
    about unit variance on real data whatever the data set, and an FID of 64 is about what replacing
    every image by the mean image costs.

    Args:
        image_size: height and width in pixels.
        channels: of the image.
        num_classes: at least 2.
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

    def features(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] → features (N, 64)."""
        return self.standardise(self.body(images))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] → logits (N, num_classes)."""
        return self.head(nn.functional.silu(self.features(images)))


@dataclass(frozen=True)
class Features:
    """A trained feature network, and how to name it in a result."""

    net: FeatureNet
    name: str
    hash: str
    accuracy: float
    """Share of the held-out images (validation and test) that it classifies right."""


@functools.lru_cache(maxsize=2)
def load_features(dataset: str) -> Features:
    """The shipped features of a built-in data set, in evaluation mode, on the CPU."""
    folder = files("dipddpm") / "weights"
    weights = (folder / f"{dataset}.safetensors").read_bytes()
    card = json.loads((folder / f"{dataset}.json").read_text())
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card["sha256"]:
        raise RuntimeError(f"the feature weights of {dataset} are damaged: reinstall the package")
    net = FeatureNet(card["image_size"], card["channels"], card["num_classes"])
    net.load_state_dict(load(weights))
    net.eval().requires_grad_(False)
    return Features(net, card["name"], digest[:16], card["accuracy"])
