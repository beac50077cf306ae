"""Data sets: one tensor per split, in [-1, 1], the same split everywhere.

| split      | who sees it                                             |
|------------|---------------------------------------------------------|
| train      | DIP, DDPM and the feature network                       |
| start      | warm starts of the reverse process; nothing trains on it |
| validation | scores the search                                       |
| test       | scores confirmation; measures the floor                 |
"""

import dataclasses
import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from dipddpm.errors import ConfigError, DataError

DATASETS = ("digits", "mnist")

MIN_FOLDER = 100  # images of one's own; below, no split can be scored

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
    full_train: Split
    """All of the train split, whatever ``train_size``: what the feature network learns from."""

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.train.images.shape[-1]

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    @property
    def shape(self) -> torch.Size:
        """(C, H, W)."""
        return self.train.images.shape[1:]

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
def load_dataset(
    name: str,
    data_dir: str | None = None,
    train_size: int | None = None,
    image_size: int = 32,
    resize: str = "crop",
) -> Dataset:
    """Load a data set and cut its splits.

    Args:
        name: ``digits`` (1,797 images of 8×8, bundled with scikit-learn), ``mnist`` (70,000 images
            of 28×28), or a folder of images in class sub-folders.
        data_dir: for MNIST, the folder that holds ``MNIST/raw/``. Without one, a cache folder of
            the user, into which it is downloaded once.
        train_size: keep only that many training images.
        image_size: for a folder, the side in pixels that its images are brought to.
        resize: for a folder, ``crop`` the middle square first, or ``stretch``.

    Raises:
        ConfigError: an unknown name, or a ``train_size`` larger than the training split.
        DataError: the files are missing or unreadable.
    """
    if name == "digits":
        dataset = _digits()
    elif name == "mnist":
        try:
            dataset = _mnist(data_dir)
        except OSError as error:
            raise DataError(f"MNIST cannot be read: {error}") from error
    elif Path(name).is_dir():
        dataset = _folder(Path(name), image_size, resize)
    else:
        raise ConfigError("dataset", name, f"{', '.join(DATASETS)} or an existing folder")
    if train_size is None:
        return dataset
    if train_size > len(dataset.train):
        raise ConfigError("train_size", train_size, f"at most {len(dataset.train)} for {name}")
    return dataclasses.replace(dataset, train=dataset.train.take(slice(train_size)))


def to_unit(images: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return (images + 1) / 2


def from_unit(images: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return images * 2 - 1


def _shuffled(images: np.ndarray, labels: np.ndarray, white: float) -> Split:
    """Levels 0 … ``white``, shape (N, C, H, W), to a split in one fixed random order."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(images))  # frozen by NumPy's policy
    x = torch.from_numpy(images[order].astype(np.float32))
    return Split(x * (2 / white) - 1, torch.from_numpy(labels[order].astype(np.int64)))


def _cut(name: str, everything: Split, train: int, start: int, validation: int) -> Dataset:
    """Splits of the given sizes, one after the other; test is what is left."""
    a, b, c = train, train + start, train + start + validation
    whole = everything.take(slice(0, a))
    return Dataset(
        name,
        train=whole,
        start=everything.take(slice(a, b)),
        validation=everything.take(slice(b, c)),
        test=everything.take(slice(c, None)),
        full_train=whole,
    )


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # a second to import, and needed here alone

    bunch = load_digits()
    everything = _shuffled(bunch.images[:, None], bunch.target, white=16)
    return _cut("digits", everything, train=1000, start=197, validation=300)


def cache_folder() -> Path:
    """Where downloads and trained features are kept for the user; made if need be."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dipddpm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mnist(data_dir: str | None) -> Dataset:
    from torchvision.datasets import MNIST  # not needed by the other data sets

    if data_dir is None:
        root = cache_folder()
        with FileLock(root / "mnist.lock"):  # thirty workers, one download
            try:
                MNIST(str(root), download=True)
            except (OSError, RuntimeError) as error:
                missing = _mnist_is_missing(root / "MNIST" / "raw")
                raise DataError(f"{missing} (the download failed: {error})") from error
    else:
        root = Path(data_dir)
        if not all((root / "MNIST" / "raw" / name).is_file() for name in MNIST_FILES):
            raise DataError(_mnist_is_missing(root / "MNIST" / "raw"))
    try:
        parts = [MNIST(str(root), train=train) for train in (True, False)]
    except (RuntimeError, ValueError, AssertionError) as error:
        way_out = f"delete {root / 'MNIST'} to have it downloaded again"
        raise DataError(f"MNIST in {root} cannot be read: {error}; {way_out}") from error
    train, held_out = (
        _shuffled(part.data.numpy()[:, None], part.targets.numpy(), white=255) for part in parts
    )
    whole = train.take(slice(0, 55_000))
    return Dataset(
        "mnist",
        train=whole,
        start=train.take(slice(55_000, 60_000)),
        validation=held_out.take(slice(0, 5_000)),
        test=held_out.take(slice(5_000, 10_000)),
        full_train=whole,
    )


def _folder(root: Path, image_size: int, resize: str) -> Dataset:
    """70 % train, 10 % each for start, validation and test. Grey if every image is, else RGB."""
    from torchvision.datasets import ImageFolder

    try:
        files = ImageFolder(str(root)).samples
    except FileNotFoundError as error:
        raise DataError(f"{root} holds no images in class sub-folders: {error}") from error
    classes = len({label for _, label in files})
    if len(files) < MIN_FOLDER or classes < 2:
        raise DataError(
            f"{root} holds {len(files)} images in {classes} class sub-folders; at least "
            f"{MIN_FOLDER} images in 2 are needed to train, start, validate and test"
        )
    images = [read_image(Path(path)) for path, _ in files]
    mode = "L" if all(image.mode in ("1", "L") for image in images) else "RGB"
    pixels = np.stack([to_square(image.convert(mode), image_size, resize) for image in images])
    everything = _shuffled(pixels, np.array([label for _, label in files]), white=255)
    if torch.equal(everything.images, everything.images[:1].expand_as(everything.images)):
        raise DataError(
            f"all {len(files)} images of {root} are the same; there is nothing to learn"
        )
    tenth = len(files) // 10
    return _cut(root.resolve().name, everything, len(files) - 3 * tenth, tenth, tenth)


def read_image(path: Path) -> Image.Image:
    """Raises DataError, with the path, for what is not an image."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for damaged files
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def to_square(image: Image.Image, size: int, resize: str) -> np.ndarray:
    """To (C, size, size), levels 0 … 255."""
    if resize == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    square = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    return square[None] if square.ndim == 2 else square.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)


def _mnist_is_missing(raw: Path) -> str:
    return (
        f"MNIST is not in {raw}: expected the files {', '.join(MNIST_FILES)} there; "
        "give the folder above MNIST/raw with --data-dir, leave --data-dir out to download it, "
        "or use --dataset digits, which needs no files"
    )
