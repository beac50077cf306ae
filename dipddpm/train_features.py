"""Train the feature network of a data set: ``python -m dipddpm.train_features digits``.

The command writes ``weights/NAME.safetensors``, the second network's
``weights/NAME-second.safetensors`` (as :mod:`dipddpm.feature_training` trains it) and the card of
both, ``weights/NAME.json``. The shipped weights were made by it. Run it again only for a new
version, since scores on other weights do not compare. A part of a data set has the features of the
whole, so that their scores compare: for ``mnist-small`` the command measures those of ``mnist`` on
it and writes the card alone.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from dipddpm.data import DATA_SOURCES, WEIGHTS, Dataset, load_dataset
from dipddpm.feature_check import accuracy, check, checked_images
from dipddpm.feature_store import keep_features, shipped_features
from dipddpm.feature_training import train_features
from dipddpm.features import NUM_FEATURES, FeatureNet
from dipddpm.randomness import generator, seeded_global

VERSION = 1

BATCH = 128

TRAINING = {  # epochs; the largest shift of the augmentation, in pixels
    "digits": (60, 0),
    "mnist": (8, 2),
}
WEIGHTS_LICENCES = {"digits": "Apache-2.0", "mnist": "CC BY-SA 3.0"}

WHOLES = {"mnist-small": "mnist"}
"""Parts of data sets whose splits are parts of the whole's, and the whole that has the features."""


def main() -> None:
    """Train the features and write them with their card."""
    parser = argparse.ArgumentParser(description="Train the feature network of a data set.")
    parser.add_argument("dataset", choices=[*TRAINING, *WHOLES])
    parser.add_argument("--data-dir", help="the folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    dataset = load_dataset(args.dataset, args.data_dir)
    args.out.mkdir(exist_ok=True)
    whole = WHOLES.get(args.dataset, args.dataset)
    weights = args.out / f"{whole}.safetensors"
    if whole == args.dataset:
        net, train_images = train_feature_net(dataset, *TRAINING[whole]), len(dataset.train)
        save_file(net.state_dict(), weights)
        keep_features(train_features(dataset), second_of(weights))
    else:
        features = shipped_features(args.out / f"{whole}.json")
        net, train_images = features.net, features.card["train_images"]
    card = describe(net, dataset, train_images, weights)
    (args.out / f"{args.dataset}.json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"{weights}: {card['accuracy']:.4f} of {card['held_out_images']} held-out images right")


def describe(net: FeatureNet, dataset: Dataset, train_images: int, weights: Path) -> dict[str, Any]:
    """Return the card of features that serve a data set.

    Args:
        train_images: the number of images that the network was trained on.
        weights: the file of its weights, which is named after what it was trained on.
    """
    figures = check(net, dataset)
    return {
        "name": f"{weights.stem}-features-v{VERSION}",
        "dataset": dataset.name,
        "dataset_hash": dataset.hash,
        "identity": dataset.identity,
        "weights": weights.name,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "num_classes": net.num_classes,
        "num_features": NUM_FEATURES,
        "train_images": train_images,
        "held_out_images": len(dataset.validation) + len(dataset.test),
        "accuracy": round(accuracy(net, dataset.validation, dataset.test), 4),
        "check": {
            name: {figure: round(value, 4) for figure, value in each.items()}
            for name, each in figures.items()
        },
        "checked_images": checked_images(dataset),
        "parameters": sum(p.numel() for p in net.parameters()),
        "licence": f"data: {DATA_SOURCES[dataset.name].licence}; "
        f"weights: {WEIGHTS_LICENCES[weights.stem]}",
        "sha256": _sha256(weights),
        "second": {"weights": second_of(weights).name, "sha256": _sha256(second_of(weights))},
        "torch": torch.__version__,
    }


def second_of(weights: Path) -> Path:
    """Return the file of the second network's weights, beside those of the first."""
    return weights.with_stem(f"{weights.stem}-second")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def train_feature_net(dataset: Dataset, epochs: int, max_shift: int) -> FeatureNet:
    """Return a classifier trained on the train split alone.

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


if __name__ == "__main__":
    main()
