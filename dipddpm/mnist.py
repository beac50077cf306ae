"""The files of MNIST: found in a folder, downloaded once, or the bundled part of it."""

from pathlib import Path

import numpy as np
from filelock import FileLock

from dipddpm.cache import cache_folder
from dipddpm.errors import DataError

FILES = tuple(
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
)

BUNDLED = Path(__file__).parent / "bundled" / "mnist-small.npz"
"""The bundled part of MNIST, which :mod:`dipddpm.bundle_mnist` makes; its card lies beside it."""


def read_bundled(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a split of the bundled part: images (N, 28, 28), levels 0 … 255, and labels (N,)."""
    with np.load(BUNDLED) as arrays:
        return arrays[f"{split}_images"], arrays[f"{split}_labels"]


def read_mnist(data_dir: str | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the train and test parts: images (N, 28, 28), levels 0 … 255, and labels (N,).

    Args:
        data_dir: the folder that holds ``MNIST/raw/``. Without one, MNIST is downloaded once to the
            user's cache folder.

    Raises:
        DataError: the files are missing, damaged or cannot be downloaded.
    """
    try:
        return _read(_cached() if data_dir is None else _given(Path(data_dir)))
    except OSError as error:
        raise DataError(f"MNIST cannot be read: {error}") from error


def _cached() -> Path:
    """Return the cache folder, with MNIST in it."""
    from torchvision.datasets import MNIST  # not needed by the other data sets

    root = cache_folder()
    with FileLock(root / "mnist.lock"):  # thirty workers, one download
        try:
            MNIST(str(root), download=True)
        except (OSError, RuntimeError) as error:
            missing = _what_is_missing(root / "MNIST" / "raw")
            raise DataError(f"{missing} (the download failed: {error})") from error
    return root


def _given(root: Path) -> Path:
    """Return the user's folder, which must hold all files."""
    if not all((root / "MNIST" / "raw" / name).is_file() for name in FILES):
        raise DataError(_what_is_missing(root / "MNIST" / "raw"))
    return root


def _read(root: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    from torchvision.datasets import MNIST

    try:
        parts = [MNIST(str(root), train=train) for train in (True, False)]
    except (RuntimeError, ValueError, AssertionError) as error:
        way_out = f"delete {root / 'MNIST'} to have it downloaded again"
        raise DataError(f"MNIST in {root} cannot be read: {error}; {way_out}") from error
    return [(part.data.numpy(), part.targets.numpy()) for part in parts]


def _what_is_missing(raw: Path) -> str:
    return (
        f"MNIST is not in {raw}: expected the files {', '.join(FILES)} there; "
        "give the folder above MNIST/raw with --data-dir, leave --data-dir out to download it, "
        "or use --dataset mnist-small, which needs no files"
    )
