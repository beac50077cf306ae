"""Data sets: one tensor per split, in [-1, 1], the same split everywhere.

| split      | who sees it                                              |
|------------|----------------------------------------------------------|
| train      | the prior, the DDPM and the feature network              |
| start      | warm starts of the reverse process; nothing trains on it |
| validation | scores the search                                        |
| test       | scores confirmation; measures the floor                  |

A data set is called by a name of ``DATA_SOURCES`` or by a folder. What it *is* is the hash of its
images: :attr:`Dataset.hash` for the images of a run, :attr:`Dataset.identity` for their features.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dipddpm.errors import ConfigError
from dipddpm.image_cache import Shape
from dipddpm.image_folder import read_folder
from dipddpm.mnist import read_bundled, read_mnist

SPLIT_SEED = 0  # of the one permutation that all splits are cut from

WEIGHTS = Path(__file__).parent / "weights"

MNIST_LICENCE = "MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0"


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W), float32 in [-1, 1], and labels (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: slice | np.ndarray) -> "Split":
        """Return the images and labels of those indices."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """A data set, cut into its splits.

    Attributes:
        name: what people call it; it decides nothing.
        full_train: the whole train split, whatever ``train_size``. The feature network learns
            from it.
    """

    name: str
    train: Split
    start: Split
    validation: Split
    test: Split
    full_train: Split

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.train.images.shape[-1]

    @property
    def channels(self) -> int:
        """Channels of an image, 1 or 3."""
        return self.train.images.shape[1]

    @property
    def shape(self) -> torch.Size:
        """The shape of an image: (C, H, W)."""
        return self.train.images.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes; 1 where the images have no labels."""
        splits = (self.full_train, self.start, self.validation, self.test)
        return 1 + max(int(split.labels.max()) for split in splits)

    @functools.cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that change with any pixel, label or split."""
        return _hash((self.train, self.start, self.validation, self.test), darkest=0)

    @functools.cached_property
    def identity(self) -> str:
        """16 hexadecimal digits that tell whose features fit these images.

        They change with any pixel, label or split of the whole set, whatever ``train_size``. Only
        grey levels 0 and 1 of 255 count as one: there are copies of MNIST in which every pixel of
        level 1 reads 0, and the shipped features serve these and the original alike.
        """
        return _hash((self.full_train, self.start, self.validation, self.test), darkest=1)


def _hash(splits: tuple[Split, ...], darkest: int) -> str:
    """Hash images and labels; grey levels up to ``darkest`` count as 0."""
    digest = hashlib.sha256()
    for split in splits:
        grey = to_levels(split.images)
        grey[grey <= darkest] = 0
        digest.update(str(tuple(grey.shape)).encode())
        digest.update(grey.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class DataSource:
    """A data set that is called by name.

    Attributes:
        name: the value of ``RunConfig.dataset``.
        load: returns the data set; it is given ``data_dir``, or None. It raises DataError where
            files are missing or unreadable.
        shape: the shape of an image, (C, H, W).
        description: what the images are, in a few words for ``--help``.
        licence: the licence of the images.
        card: the description of its features (JSON), beside the file of weights that it names.
            Features serve the data set whose identity the card states. Without a card, features are
            trained when they are first needed and kept in the user's cache.
        has_data_dir: whether ``load`` reads files from ``data_dir``.
    """

    name: str
    load: Callable[[str | None], Dataset]
    shape: tuple[int, int, int]
    description: str
    licence: str
    card: Path | None = None
    has_data_dir: bool = False


@functools.lru_cache(maxsize=2)  # a worker that runs many trials reads the data once
def load_dataset(
    name: str,
    data_dir: str | None = None,
    train_size: int | None = None,
    image_size: int = 32,
    resize: str = "crop",
    channels: int | None = None,
    train_on_start: bool = False,
) -> Dataset:
    """Load a data set and cut its splits.

    Args:
        name: a name of :data:`DATA_SOURCES`, or a folder of images. A folder of such a name needs
            a path: ``./digits``.
        data_dir: for a source that has files, the folder that holds them. Without one, MNIST is
            downloaded once to a cache folder of the user.
        train_size: keep only that many training images.
        image_size: for a folder, the side in pixels that its images are brought to.
        resize: for a folder, ``crop`` the middle square first, ``stretch``, or ``pad`` the shorter
            sides.
        channels: for a folder, 1 or 3; without it, 1 if all images are grey, else 3.
        train_on_start: append the start split to the training images. Features learn from the train
            split alone all the same.

    Raises:
        ConfigError: the name is unknown, or ``train_size`` is larger than the training split.
        DataError: the files are missing or unreadable.
    """
    if name in DATA_SOURCES:
        dataset = DATA_SOURCES[name].load(data_dir)
    elif name and Path(name).is_dir():
        dataset = _folder(Path(name), Shape(image_size, resize, channels))
    else:
        raise ConfigError("dataset", name, f"{', '.join(DATA_SOURCES)} or an existing folder")
    if train_on_start:
        images, labels = (
            torch.cat([getattr(split, part) for split in (dataset.train, dataset.start)])
            for part in ("images", "labels")
        )
        dataset = dataclasses.replace(dataset, train=Split(images, labels))
    if train_size is None:
        return dataset
    if train_size > len(dataset.train):
        raise ConfigError("train_size", train_size, f"at most {len(dataset.train)} for {name}")
    return dataclasses.replace(dataset, train=dataset.train.take(slice(train_size)))


def to_unit(images: Tensor) -> Tensor:
    """Map [-1, 1] to [0, 1]."""
    return (images + 1) / 2


def to_levels(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as grey levels 0 … 255, uint8."""
    return ((images + 1) * 127.5).round().to(torch.uint8)


def from_unit(images: Tensor) -> Tensor:
    """Map [0, 1] to [-1, 1]."""
    return images * 2 - 1


def shuffled(images: np.ndarray, labels: np.ndarray, white: float) -> Split:
    """Return images (N, C, H, W), levels 0 … ``white``, as a split in one fixed random order."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(images))  # frozen by NumPy's policy
    return _scaled(images[order], labels[order], white)


def _scaled(images: np.ndarray, labels: np.ndarray, white: float) -> Split:
    x = torch.from_numpy(images.astype(np.float32))
    return Split(x * (2 / white) - 1, torch.from_numpy(labels.astype(np.int64)))


def cut(name: str, everything: Split, train: int, start: int, validation: int) -> Dataset:
    """Return splits of the given sizes, one after the other; test is what is left."""
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


def _folder(root: Path, shape: Shape) -> Dataset:
    """70 % of the images train; start, validation and test have 10 % each.

    Where folders hold images out, these are validation and test, half of them each if only one of
    both is there; an eighth of the others is the start split.
    """
    name = root.resolve().name
    parts = {n: shuffled(*part, white=255) for n, part in read_folder(root, shape).items()}
    if everything := parts.get("all"):
        tenth = len(everything) // 10
        return cut(name, everything, len(everything) - 3 * tenth, tenth, tenth)
    training = parts.pop("train")
    if len(parts) == 1:
        (held_out,) = parts.values()
        half = len(held_out) // 2
        parts = {"validation": held_out.take(slice(half)), "test": held_out.take(slice(half, None))}
    whole = training.take(slice(0, len(training) - len(training) // 8))
    return Dataset(
        name,
        train=whole,
        start=training.take(slice(len(whole), None)),
        validation=parts["validation"],
        test=parts["test"],
        full_train=whole,
    )


def _digits(data_dir: str | None) -> Dataset:
    from sklearn.datasets import load_digits  # a second to import, and needed here alone

    bunch = load_digits()
    everything = shuffled(bunch.images[:, None], bunch.target, white=16)
    return cut("digits", everything, train=1000, start=197, validation=300)


def _mnist(data_dir: str | None) -> Dataset:
    train, held_out = (
        shuffled(images[:, None], labels, white=255) for images, labels in read_mnist(data_dir)
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


def _mnist_small(data_dir: str | None) -> Dataset:
    splits = dict[str, Split]()
    for name in ("train", "start", "validation", "test"):
        images, labels = read_bundled(name)
        splits[name] = _scaled(images[:, None], labels, white=255)
    return Dataset("mnist-small", **splits, full_train=splits["train"])


DATA_SOURCES: dict[str, DataSource] = {
    source.name: source
    for source in (
        DataSource(
            "digits",
            _digits,
            shape=(1, 8, 8),
            description="1,797 handwritten digits of 8×8 pixels, bundled with scikit-learn",
            licence="UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
            card=WEIGHTS / "digits.json",
        ),
        DataSource(
            "mnist-small",
            _mnist_small,
            shape=(1, 28, 28),
            description="10,000 images of mnist, bundled",
            licence=MNIST_LICENCE,
            card=WEIGHTS / "mnist-small.json",
        ),
        DataSource(
            "mnist",
            _mnist,
            shape=(1, 28, 28),
            description="70,000 handwritten digits of 28×28 pixels",
            licence=MNIST_LICENCE,
            card=WEIGHTS / "mnist.json",
            has_data_dir=True,
        ),
    )
}
"""The data sets that ``--dataset`` knows by name; a folder of images needs no entry."""
