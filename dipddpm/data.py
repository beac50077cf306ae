"""Data sets: one tensor per split, in [-1, 1], the same split everywhere.

| split      | who sees it                                             |
|------------|---------------------------------------------------------|
| train      | DIP, DDPM and the feature network                       |
| start      | warm starts of the reverse process; nothing trains on it |
| validation | scores the search                                       |
| test       | scores confirmation; measures the floor                 |
"""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from dipddpm.errors import ConfigError, DataError

DATASETS = ("digits", "mnist")

SPLIT_SEED = 0  # of the one permutation that all splits are cut from

MNIST_FILES = tuple(
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
)


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W), float32 in [-1, 1], and labels (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: slice | np.ndarray) -> "Split":
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    name: str
    train: Split
    start: Split
    validation: Split
    test: Split

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.train.images.shape[-1]

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    @functools.cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that change with any pixel, label or split."""
        digest = hashlib.sha256()
        for split in (self.train, self.start, self.validation, self.test):
            grey = ((split.images + 1) * 127.5).round().to(torch.uint8)
            digest.update(str(tuple(grey.shape)).encode())
            digest.update(grey.numpy().tobytes())
            digest.update(split.labels.numpy().tobytes())
        return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=2)  # a worker that runs many trials reads the data once
def load_dataset(name: str, data_dir: str | None = None, train_size: int | None = None) -> Dataset:
    """Load a data set and cut its splits.

    Args:
        name: ``digits`` (1,797 images of 8×8, bundled with scikit-learn) or ``mnist`` (70,000
            images of 28×28).
        data_dir: for MNIST, the folder that holds ``MNIST/raw/``. Without one, a cache folder of
            the user, into which it is downloaded once.
        train_size: keep only that many training images.

    Raises:
        ConfigError: an unknown name, or a ``train_size`` larger than the training split.
        DataError: the files are missing or unreadable.
    """
    if name == "digits":
        dataset = _digits()
    elif name == "mnist":
        dataset = _mnist(data_dir)
    else:
        raise ConfigError("dataset", name, " or ".join(DATASETS))
    if train_size is None:
        return dataset
    if train_size > len(dataset.train):
        raise ConfigError("train_size", train_size, f"at most {len(dataset.train)} for {name}")
    return Dataset(
        name, dataset.train.take(slice(train_size)), dataset.start, dataset.validation, dataset.test
    )


def _shuffled(images: np.ndarray, labels: np.ndarray, white: float) -> Split:
    """Grey levels 0 … ``white``, shape (N, H, W), to a split in one fixed random order."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(images))  # frozen by NumPy's policy
    x = torch.from_numpy(images[order].astype(np.float32))[:, None]  # (N, H, W) -> (N, 1, H, W)
    return Split(x * (2 / white) - 1, torch.from_numpy(labels[order].astype(np.int64)))


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # a second to import, and needed here alone

    bunch = load_digits()
    everything = _shuffled(bunch.images, bunch.target, white=16)
    return Dataset(
        "digits",
        train=everything.take(slice(0, 1000)),
        start=everything.take(slice(1000, 1197)),
        validation=everything.take(slice(1197, 1497)),
        test=everything.take(slice(1497, 1797)),
    )


def _mnist(data_dir: str | None) -> Dataset:
    from torchvision.datasets import MNIST  # not needed by the other data sets

    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dipddpm"
    root = cache if data_dir is None else Path(data_dir)
    raw = root / "MNIST" / "raw"
    if not all((raw / name).is_file() for name in MNIST_FILES):
        if data_dir is not None:
            raise DataError(_mnist_is_missing(raw))
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "mnist.lock"):  # thirty workers, one download
            try:
                MNIST(str(root), download=True)
            except (OSError, RuntimeError) as error:
                raise DataError(
                    f"{_mnist_is_missing(raw)} (the download failed: {error})"
                ) from error
    try:
        parts = [MNIST(str(root), train=train) for train in (True, False)]
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise DataError(f"MNIST in {raw} cannot be read: {error}") from error
    train, held_out = (
        _shuffled(part.data.numpy(), part.targets.numpy(), white=255) for part in parts
    )
    return Dataset(
        "mnist",
        train=train.take(slice(0, 55_000)),
        start=train.take(slice(55_000, 60_000)),
        validation=held_out.take(slice(0, 5_000)),
        test=held_out.take(slice(5_000, 10_000)),
    )


def _mnist_is_missing(raw: Path) -> str:
    return (
        f"MNIST is not in {raw}: expected the files {', '.join(MNIST_FILES)} there; "
        "give the folder above MNIST/raw with --data-dir, leave --data-dir out to download it, "
        "or use --dataset digits, which needs no files"
    )
