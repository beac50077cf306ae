"""The features that quality is measured on: the penultimate layer of a small classifier.

ImageNet features have never seen a digit; these have seen nothing else. The weights of the
built-in data sets are shipped (``dipddpm/weights``), so that scores compare across machines; they
were trained on the train split alone by ``python -m dipddpm.train_features``.
"""

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.data import DATASETS, Dataset, Split, cache_folder
from dipddpm.randomness import generator, seeded_global

NUM_FEATURES = 64
VERSION = 1

BATCH = 128
FOLDER_STEPS = 1500  # that a folder's features are trained for, at least


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

    @property
    def description(self) -> str:
        return f"{self.name}@{self.hash} ({NUM_FEATURES}-d, accuracy {self.accuracy:.4f})"


@functools.lru_cache(maxsize=2)
def load_features(dataset: Dataset) -> Features:
    """The features of a data set, in evaluation mode, on the CPU.

    Those of the built-in sets are shipped. Those of a folder are trained when they are first needed
    and kept in the user's cache under the hash of the data.
    """
    if dataset.name in DATASETS:
        folder = files("dipddpm") / "weights"
        weights = (folder / f"{dataset.name}.safetensors").read_bytes()
        card = json.loads((folder / f"{dataset.name}.json").read_text())
        if hashlib.sha256(weights).hexdigest() != card["sha256"]:
            raise RuntimeError(f"the features of {dataset.name} are damaged: reinstall the package")
        return _assemble(weights, card)
    whole = dataclasses.replace(dataset, train=dataset.full_train)
    kept = cache_folder() / f"features-v{VERSION}-{whole.hash}.safetensors"
    with FileLock(f"{kept}.lock"):  # many workers, one training
        if not kept.exists():
            epochs = max(8, FOLDER_STEPS * BATCH // len(whole.train))
            net = train_feature_net(whole, epochs, max_shift=whole.image_size // 16)
            temporary = kept.with_suffix(".new")
            temporary.write_bytes(
                save(net.state_dict(), {"card": json.dumps(make_card(net, whole))})
            )
            temporary.replace(kept)
    with safe_open(kept, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
    return _assemble(kept.read_bytes(), card)


def _assemble(weights: bytes, card: dict[str, Any]) -> Features:
    net = FeatureNet(card["image_size"], card["channels"], card["num_classes"])
    net.load_state_dict(load(weights))
    net.eval().requires_grad_(False)
    digest = hashlib.sha256(weights).hexdigest()[:16]
    return Features(net, card["name"], digest, card["accuracy"])


def make_card(net: FeatureNet, dataset: Dataset) -> dict[str, Any]:
    """What a reader of a score should know of the features it rests on."""
    return {
        "name": f"{dataset.name}-features-v{VERSION}",
        "dataset": dataset.name,
        "dataset_hash": dataset.hash,
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
    """Cross-entropy with label smoothing, AdamW and a one-cycle rate on the train split alone."""
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
    net.eval()
    right = sum(int((net(s.images).argmax(1) == s.labels).sum()) for s in splits)
    return right / sum(map(len, splits))
