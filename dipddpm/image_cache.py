"""Images of a folder, decoded once: shrunk, and kept in the user's cache for all later runs."""

import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
from filelock import FileLock

from dipddpm.cache import cache_folder
from dipddpm.errors import DataError
from dipddpm.image_file import read_image, shown, to_square

VERSION = 1  # of what is read of a file
DIGEST = hashlib.sha256().digest_size
SAY_EVERY = 5.0  # seconds between lines of progress


@dataclass(frozen=True)
class Shape:
    """What the images of a folder are brought to.

    Attributes:
        image_size: height and width, in pixels.
        resize: ``crop``, ``stretch`` or ``pad``.
        channels: 1 or 3; None for 1 if all images are grey, else 3.
    """

    image_size: int
    resize: str
    channels: int | None


def read_shrunk(root: Path, files: Sequence[Path], shape: Shape) -> np.ndarray:
    """Return the images of files below ``root`` as (N, C, H, W), levels 0 … 255.

    One process decodes them, one image at a time; others wait for it and read what it has kept.
    The cache holds one version per folder and shape, and is made anew when a file has changed.

    Raises:
        DataError: a file cannot be read, or the cache cannot be written.
    """
    try:
        key = _key(root, files, shape)
        place = f"{root.resolve()} {astuple(shape)}".encode(errors="surrogateescape")
        cached = cache_folder() / f"images-v{VERSION}-{hashlib.sha256(place).hexdigest()[:16]}"
        with FileLock(f"{cached}.lock"):
            pixels = _kept(cached, key)
            if pixels is None:
                pixels = _decoded(root, files, shape)
                _keep(cached, key, pixels)
    except OSError as error:
        where = shown(error.filename or root)
        raise DataError(
            f"{where} cannot be used: {error.strerror or error}; images are kept in the user's "
            "cache, for which XDG_CACHE_HOME names another place"
        ) from error
    return pixels


def _key(root: Path, files: Sequence[Path], shape: Shape) -> bytes:
    """Return a hash that changes with the files, the shape and the decoder."""
    digest = hashlib.sha256(repr((PIL.__version__, astuple(shape))).encode())
    for path in files:
        if path.is_file():  # else it is refused when it is read
            now = path.stat()
            state = (str(path.relative_to(root)), now.st_size, now.st_mtime_ns, now.st_ctime_ns)
            digest.update(repr(state).encode())
    return digest.digest()


def _kept(cached: Path, key: bytes) -> np.ndarray | None:
    """Return the images of the cache; None if it is missing, out of date or damaged."""
    content = cached.read_bytes() if cached.exists() else b""
    digest, data = content[:DIGEST], content[DIGEST:]
    return np.load(BytesIO(data)) if digest == hashlib.sha256(key + data).digest() else None


def _keep(cached: Path, key: bytes, pixels: np.ndarray) -> None:
    """Write images in one step, after a digest of them and of what they were made from."""
    stream = BytesIO()
    np.save(stream, pixels)
    temporary = cached.with_suffix(".new")
    temporary.write_bytes(hashlib.sha256(key + stream.getvalue()).digest() + stream.getvalue())
    temporary.replace(cached)


def _decoded(root: Path, files: Sequence[Path], shape: Shape) -> np.ndarray:
    images, faults = list[np.ndarray](), list[DataError]()
    start = said = time.monotonic()
    for done, path in enumerate(files, 1):
        try:
            image = read_image(path)
        except DataError as error:
            faults.append(error)
            continue
        image = image if shape.channels != 1 else image.convert("L")
        images.append(to_square(image, shape.image_size, shape.resize))
        if (now := time.monotonic()) - said > SAY_EVERY:
            said, left = now, (now - start) / done * (len(files) - done)
            name = shown(root.resolve().name)
            line = f"{name}: {done} of {len(files)} images read, about {left:.0f} s left"
            print(line, file=sys.stderr)
    if faults:
        more = f" ({len(faults) - 1} other files cannot be read either)" if faults[1:] else ""
        raise DataError(f"{faults[0]}{more}") from faults[0]
    colour = [image for image in images if (image != image[:1]).any()]
    channels = shape.channels or (3 if colour else 1)
    return np.stack([np.broadcast_to(i[:channels], (channels, *i.shape[1:])) for i in images])
