"""Cut the bundled ``mnist-small`` from MNIST: ``python -m dipddpm.bundle_mnist --data-dir DIR``.

Each split has the first images of each class in the same split of ``mnist``, whose order is one
fixed random permutation. So no image is in two splits, and the features of ``mnist`` have seen none
that is held out here. All classes have as many images: splits of plainly drawn images would differ
by chance, which would count as distance between real images. The command writes
``bundled/mnist-small.npz`` and its card, and gives the same bytes each time.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dipddpm.data import DATA_SOURCES, SPLIT_SEED, Dataset, Split, load_dataset, to_levels
from dipddpm.mnist import BUNDLED

PER_CLASS = {"train": 600, "start": 100, "validation": 150, "test": 150}
"""Images of each class in each split."""

DARKEST = 1
"""Grey levels up to it become 0, as they are in some copies of MNIST: all give the same bytes."""


def main() -> None:
    """Write the images and their card."""
    parser = argparse.ArgumentParser(description="Cut the bundled mnist-small from MNIST.")
    parser.add_argument("--data-dir", help="the folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=BUNDLED.parent)
    args = parser.parse_args()
    small = cut_small(load_dataset("mnist", args.data_dir))

    args.out.mkdir(exist_ok=True)
    file = args.out / BUNDLED.name
    np.savez_compressed(file, allow_pickle=False, **arrays(small))
    card = file.with_suffix(".json")
    card.write_text(json.dumps(describe(small), indent=2) + "\n")
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")


def cut_small(mnist: Dataset) -> Dataset:
    """Return the bundled images, taken from MNIST in its order."""
    parts = dict[str, Split]()
    for name, most in PER_CLASS.items():
        split: Split = getattr(mnist, name)
        firsts = [(split.labels == c).nonzero()[:most, 0] for c in range(mnist.classes)]
        chosen = split.take(torch.cat(firsts).sort().values.numpy())
        images = torch.where(to_levels(chosen.images) <= DARKEST, -1.0, chosen.images)
        parts[name] = Split(images, chosen.labels)
    return dataclasses.replace(mnist, name="mnist-small", **parts, full_train=parts["train"])


def arrays(small: Dataset) -> dict[str, np.ndarray]:
    """Return what the file holds: images (N, 28, 28) and labels (N,) of each split, uint8."""
    found = dict[str, np.ndarray]()
    for name in PER_CLASS:
        split = getattr(small, name)
        found[f"{name}_images"] = to_levels(split.images)[:, 0].numpy()
        found[f"{name}_labels"] = split.labels.numpy().astype(np.uint8)
    return found


def describe(small: Dataset) -> dict[str, Any]:
    """Return the card of the images."""
    source = DATA_SOURCES["mnist-small"]
    return {
        "name": small.name,
        "source": "MNIST, http://yann.lecun.com/exdb/mnist/",
        "licence": source.licence,
        "changes": "the first images of each class in each split of mnist, "
        f"whose order is drawn by the seed; grey levels up to {DARKEST} of 255 are 0",
        "seed": SPLIT_SEED,
        "images": {name: len(getattr(small, name)) for name in PER_CLASS},
        "images_per_class": PER_CLASS,
        "dataset_hash": small.hash,
        "identity": small.identity,
    }


if __name__ == "__main__":
    main()
