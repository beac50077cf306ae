"""A folder of images as a data set: which files, of which split and class, and none twice."""

import functools
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dipddpm.errors import DataError
from dipddpm.image_cache import Shape, read_shrunk
from dipddpm.image_file import is_image, shown

MIN_FOLDER = 100  # different images; below, no split can be scored
MIN_TRAIN = 80  # of them in train/: 70 to train and 10 to start from
MIN_HELD_OUT = 10  # each, to validate and to test

ENDINGS = frozenset(
    (
        *("apng", "arw", "avif", "bmp", "cr2", "cr3", "dds", "dib", "dng", "emf", "eps", "exr"),
        *("gif", "hdr", "heic", "heif", "icns", "ico", "j2c", "j2k", "jfif", "jif", "jp2", "jpc"),
        *("jpe", "jpeg", "jpf", "jpg", "jpx", "jxl", "nef", "orf", "pbm", "pcx", "pfm", "pgm"),
        *("png", "pnm", "ppm", "psd", "qoi", "raf", "ras", "rw2", "sgi", "svg", "tga", "tif"),
        *("tiff", "webp", "wmf", "xbm", "xcf", "xpm"),
    )
)
"""Endings of names that promise an image: what cannot be read of them is refused."""

NOT_DATA = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")
)
"""What systems leave in folders, besides hidden files."""

_SPLIT = re.compile(
    r"(?:.*[-_ ])?(?:(train|training)|(val|valid|validation|dev|eval)|(test|testing|holdout))"
    r"[-_ ]?(?:set|data|images|split)?\d*",
    re.IGNORECASE,
)

Parts = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Place:
    """Where a file lies, as far as it tells its split and its class."""

    path: Path
    split: str | None  # "train", "validation" or "test"
    class_name: str | None


def read_folder(root: Path, shape: Shape) -> Parts:
    """Return the different images of a folder: split → images (N, C, H, W) and labels (N,).

    The levels are 0 … 255. The splits are ``train`` and one or both of ``validation`` and ``test``
    where folders say so; else all images are in ``all``. A label counts the class sub-folders by
    name; without them all labels are 0. What was left out is said in one line on stderr.

    Raises:
        DataError: there are too few different images, a file cannot be read, or the folders can be
            taken in two ways.
    """
    files, others = find_files(root)
    if len(files) < MIN_FOLDER:
        raise DataError(
            f"{shown(root)} holds {len(files)} images; at least {MIN_FOLDER} are needed to train, "
            "start, validate and test"
        )
    places = arranged(root, files)
    pixels = read_shrunk(root, [place.path for place in places], shape)
    kept = different(pixels, places)
    _require_enough(root, [places[index] for index in kept], len(places))
    classes = sorted({place.class_name for place in places if place.class_name is not None})
    labels = np.array([classes.index(p.class_name) if p.class_name else 0 for p in places])
    remarks = []
    if copies := len(places) - len(kept):
        remarks.append(f"{copies} of {len(places)} images are copies of others and left out")
    if others:
        remarks.append(f"{len(others)} files are no images and left out, such as {others[0].name}")
    if remarks:
        _say_once(shown(f"{root.resolve().name}: {'; '.join(remarks)}"))
    parts: dict[str, list[int]] = {}
    for index in kept:
        parts.setdefault(places[index].split or "all", []).append(index)
    return {split: (pixels[chosen], labels[chosen]) for split, chosen in parts.items()}


@functools.cache  # a process may load a folder at several training sizes
def _say_once(line: str) -> None:
    print(line, file=sys.stderr)


def find_files(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the image files below a folder, and the other files.

    A file is an image if its name or its content says so. Hidden files and those of systems are
    neither; links are followed.

    Raises:
        DataError: a folder cannot be opened.
    """
    images: list[Path] = []
    others: list[Path] = []
    try:
        for path in _walk(root):
            promised = path.suffix[1:].casefold() in ENDINGS
            (images if promised or (path.is_file() and is_image(path)) else others).append(path)
    except OSError as error:
        where = shown(error.filename or root)
        raise DataError(f"{where} cannot be read: {error.strerror or error}") from error
    return images, others


def _walk(folder: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    here = folder.stat()
    identity = (here.st_dev, here.st_ino)
    if identity in above:  # a link to a folder that holds it
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.casefold() in NOT_DATA:
            continue
        if path.is_dir():
            yield from _walk(path, (*above, identity))
        else:
            yield path


def split_of(folder: str) -> str | None:
    """Return the split that a folder's name says: ``train``, ``validation``, ``test`` or None."""
    found = _SPLIT.fullmatch(folder)
    if not found:
        return None
    train, validation, _ = found.groups()
    return "train" if train else "validation" if validation else "test"


def arranged(root: Path, files: Sequence[Path]) -> list[Place]:
    """Return where the files lie, in an order that depends on their names alone.

    Folders that all files share say nothing. The first level that tells the files apart holds the
    classes, unless its folders are called train, test and so on.

    Raises:
        DataError: some images lie beside class folders, or train and test beside other folders.
    """
    folders = [path.relative_to(root).parent.parts for path in files]
    level = _split_level(root, folders)
    splits = [None if level is None else split_of(folder[level]) for folder in folders]
    rests = [_without(folder, level) for folder in folders]
    while all(rests) and len({rest[0] for rest in rests}) == 1:
        rests = [rest[1:] for rest in rests]
    has_classes = {}
    for split in set(splits):
        below = [bool(rest) for rest, of in zip(rests, splits, strict=True) if of == split]
        has_classes[split] = any(below)
        if any(below) and not all(below):
            where = root if level is None else root / str(split)
            raise DataError(
                f"{shown(where)} holds {below.count(False)} images beside class sub-folders; put "
                "them into a class sub-folder, or all images into one folder"
            )
    labelled = all(has_classes.values())  # labels of some splits alone serve nobody
    places = [
        Place(path, split, rest[0] if labelled else None)
        for path, split, rest in zip(files, splits, rests, strict=True)
    ]
    return sorted(places, key=lambda p: (p.class_name or "", str(p.path.parent), p.path.name))


def _without(folder: tuple[str, ...], level: int | None) -> tuple[str, ...]:
    """Return the folders of a file but for that of its split, which archives often nest twice."""
    if level is None:
        return folder
    below = folder[level + 1 :]
    return folder[:level] + (below[1:] if below[:1] == folder[level : level + 1] else below)


def _split_level(root: Path, folders: Sequence[tuple[str, ...]]) -> int | None:
    """Return how deep the folders of splits lie; None if there are none."""
    for level in range(max(map(len, folders))):
        names = {folder[level] for folder in folders if len(folder) > level}
        splits = {split_of(name) for name in names}
        held_out = splits & {"validation", "test"}
        is_whole = None not in splits and all(len(folder) > level for folder in folders)
        if not held_out or len(names) == 1 or ("train" not in splits and not is_whole):
            continue
        if "train" not in splits:
            raise DataError(
                f"{shown(root)} holds {_listed(names)}, and no folder called train; put its "
                "training images into train"
            )
        if not is_whole:
            outside = {name for name in names if split_of(name) is None}
            beside = _listed(outside) if outside else "other images"
            raise DataError(
                f"{shown(root)} holds {_listed(names - outside)} beside {beside}, so what is held "
                "out is not clear; rename or move one of them"
            )
        return level
    return None


def _listed(names: set[str]) -> str:
    first = sorted(names)[:5]
    return shown(", ".join(f"{name}/" for name in first)) + (", …" if len(names) > 5 else "")


def different(pixels: np.ndarray, places: Sequence[Place]) -> list[int]:
    """Return the indices of one image of each that is there more than once, in their order.

    Of copies in several splits the one that is held out stays, the test split's before all.
    """
    rank = {"test": 0, "validation": 1}
    seen: dict[bytes, int] = {}
    for index in sorted(range(len(places)), key=lambda i: (rank.get(places[i].split or "", 2), i)):
        seen.setdefault(hashlib.sha256(pixels[index].tobytes()).digest(), index)
    return sorted(seen.values())


def _require_enough(root: Path, kept: Sequence[Place], found: int) -> None:
    """Raise DataError unless each split has enough different images."""
    held_out = {place.split for place in kept} & {"validation", "test"}
    least = {"train": MIN_TRAIN, **{s: 2 * MIN_HELD_OUT // len(held_out) for s in held_out}}
    for split, bound in least.items() if any(p.split for p in kept) else [(None, MIN_FOLDER)]:
        count = sum(place.split == split for place in kept)
        if count < bound:
            which = f" in {split}" if split else f" among {found}"
            raise DataError(
                f"{shown(root)} holds too few different images: {count}{which}; at least {bound} "
                "are needed"
            )
