"""The features that quality is measured on: the penultimate layer of a small classifier.

ImageNet features have never seen a digit; these have seen nothing else. The weights of the
built-in data sets are shipped (``dipddpm/weights``), so that scores compare across machines. They
were trained on the train split alone by ``python -m dipddpm.train_features``.
"""

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.cache import cache_folder
from dipddpm.data import DATA_SOURCES, Dataset, Split
from dipddpm.randomness import generator, seeded_global

NUM_FEATURES = 64
VERSION = 1

BATCH = 128
MIN_STEPS = 1500  # of training features that are not shipped


class FeatureNet(nn.Module):
    """A strided convolutional classifier with 64 features before its last layer.

    The features are standardised over the training images (a batch norm without gain), so each has
    about unit variance on real data whatever the data set, and an FID of 64 is about what replacing
    every image by the mean image costs.

    Args:
        image_size: height and width in pixels.
        channels: channels of the image.
        num_classes: number of classes, at least 2.
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
        """Return the features (N, 64) of images (N, C, H, W) in [-1, 1]."""
        return self.standardise(self.body(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W) in [-1, 1]."""
        return self.head(nn.functional.silu(self.features(images)))


@dataclass(frozen=True)
class Features:
    """A trained feature network, and how to name it in a result.

    Attributes:
        accuracy: the share of held-out images (validation and test) that it classifies right.
    """

    net: FeatureNet
    name: str
    hash: str
    accuracy: float

    @property
    def description(self) -> str:
        """Name, hash, dimension and accuracy, in one line."""
        return f"{self.name}@{self.hash} ({NUM_FEATURES}-d, accuracy {self.accuracy:.4f})"


@functools.lru_cache(maxsize=2)
def load_features(dataset: Dataset) -> Features:
    """Return the features of a data set, in evaluation mode, on the CPU.

    They are found by the identity of the images, never by a name. Where no data source ships
    features of these images, they are trained when first needed and kept in the user's cache.
    """
    card = shipped_card(dataset)
    return _shipped(card) if card else _trained(dataset)


def shipped_card(dataset: Dataset) -> Path | None:
    """Return the card of the shipped features that were trained on just these images, if any."""
    for source in DATA_SOURCES.values():
        if source.card and json.loads(source.card.read_text())["identity"] == dataset.identity:
            return source.card
    return None


def _shipped(card_file: Path) -> Features:
    card = json.loads(card_file.read_text())
    weights = card_file.with_suffix(".safetensors").read_bytes()
    if hashlib.sha256(weights).hexdigest() != card["sha256"]:
        raise RuntimeError(f"the features {card['name']} are damaged: reinstall the package")
    return _assemble(weights, card)


def _trained(dataset: Dataset) -> Features:
    whole = dataclasses.replace(dataset, train=dataset.full_train)
    cached = cache_folder() / f"features-v{VERSION}-{whole.hash}.safetensors"
    with FileLock(f"{cached}.lock"):  # many workers, one training
        if not cached.exists():
            epochs = max(8, MIN_STEPS * BATCH // len(whole.train))
            net = train_feature_net(whole, epochs, max_shift=whole.image_size // 16)
            temporary = cached.with_suffix(".new")
            temporary.write_bytes(
                save(net.state_dict(), {"card": json.dumps(make_card(net, whole))})
            )
            temporary.replace(cached)
    with safe_open(cached, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
    return _assemble(cached.read_bytes(), card)


def _assemble(weights: bytes, card: dict[str, Any]) -> Features:
    net = FeatureNet(card["image_size"], card["channels"], card["num_classes"])
    net.load_state_dict(load(weights))
    net.eval().requires_grad_(False)
    digest = hashlib.sha256(weights).hexdigest()[:16]
    return Features(net, card["name"], digest, card["accuracy"])


def make_card(net: FeatureNet, dataset: Dataset) -> dict[str, Any]:
    """Return what a reader of a score should know of the features that it rests on."""
    return {
        "name": f"{dataset.name}-features-v{VERSION}",
        "dataset": dataset.name,
        "dataset_hash": dataset.hash,
        "identity": dataset.identity,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "num_classes": net.head.out_features,
        "num_features": NUM_FEATURES,
        "train_images": len(dataset.train),
        "held_out_images": len(dataset.validation) + len(dataset.test),
        "accuracy": accuracy(net, dataset.validation, dataset.test),
        "parameters": sum(p.numel() for p in net.parameters()),
    }


def train_feature_net(dataset: Dataset, epochs: int, max_shift: int) -> FeatureNet:
    """Return a network trained on the train split alone.

    The loss is cross-entropy with label smoothing; the optimiser is AdamW with a one-cycle rate.

    Args:
        epochs: passes over the train split.
        max_shift: the largest shift of a training image, in pixels.
    """
    rng = generator(0, "features", dataset.name)
    with seeded_global(0, "features", dataset.name):
        classes = int(dataset.train.labels.max()) + 1
        net = FeatureNet(dataset.image_size, dataset.channels, classes)
    images, labels = dataset.train.images, dataset.train.labels
    batch = min(BATCH, len(images))
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = epochs * (len(images) // batch)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(epochs):
        net.train()
        for chosen in torch.randperm(len(images), generator=rng).split(batch):
            if len(chosen) < batch:
                break
            shifted = shift(images[chosen], max_shift, rng)
            loss = F.cross_entropy(net(shifted), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    return net.eval()


def shift(images: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Move a batch (N, C, H, W) by up to ``most`` pixels each way, the same for all its images."""
    dy, dx = (int(torch.randint(2 * most + 1, (), generator=rng)) for _ in range(2))
    size = images.shape[-1]
    padded = F.pad(images, (most,) * 4, value=-1.0)  # -1 is the background
    return padded[..., dy : dy + size, dx : dx + size]


@torch.no_grad()
def accuracy(net: FeatureNet, *splits: Split) -> float:
    """Return the share of the images that the network classifies right."""
    net.eval()
    right = sum(int((net(s.images).argmax(1) == s.labels).sum()) for s in splits)
    return right / sum(map(len, splits))
