"""Pictures as the page holds them."""

import base64
import functools
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence

LEVELS = 16
"""Grey levels of the pictures in a page: half the bytes, and no eye sees it."""

STEP = 255 // (LEVELS - 1)  # from one level to the next


def data_uri(path: Path) -> str:
    """Return a PNG file as the source of an image that the page holds itself.

    Grey pictures get :data:`LEVELS` levels; others stay as they are.
    """
    return _data_uri(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1024)  # a running study draws its page again and again
def _data_uri(path: Path, _: int) -> str:
    content = path.read_bytes()
    with Image.open(path) as picture:
        if picture.mode == "L":
            content = _with_few_levels(picture)
    return _png_uri(content)


@dataclass(frozen=True)
class Film:
    """An animated picture as the page holds it: its frames below each other in one picture.

    Attributes:
        source: of the one picture.
        frames: how many there are.
        aspect: width over height of a frame.
    """

    source: str
    frames: int
    aspect: float


def film_of(path: Path) -> Film:
    """Return an animated PNG file as the page holds it."""
    return _film_of(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _film_of(path: Path, _: int) -> Film:
    with Image.open(path) as film:
        frames = [frame.copy() for frame in ImageSequence.Iterator(film)]
    width, height = frames[0].size
    strip = Image.new(frames[0].mode, (width, height * len(frames)))
    for place, frame in enumerate(frames):
        strip.paste(frame, (0, height * place))
    file = io.BytesIO()
    strip.save(file, "PNG", optimize=True)
    content = _with_few_levels(strip) if strip.mode == "L" else file.getvalue()
    return Film(_png_uri(content), len(frames), width / height)


def _png_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _with_few_levels(picture: Image.Image) -> bytes:
    few = Image.frombytes("P", picture.size, picture.point(_nearest_level).tobytes())
    few.putpalette([level * STEP for level in range(LEVELS) for _ in range(3)])
    file = io.BytesIO()
    few.save(file, "PNG", bits=4, optimize=True)
    return file.getvalue()


def _nearest_level(grey: int) -> int:
    return (grey + STEP // 2) // STEP
