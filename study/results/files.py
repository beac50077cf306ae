"""Files that are replaced in one step: a reader, or a power cut, never meets half a file.

Whatever these functions write is on disk when they return: the bytes and the name.
"""

import contextlib
import csv
import errno
import io
import json
import math
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

OBJECT_STORES = ("s3", "gcs", "abfs")
"""Filesystems on which a file appears in one step, once it is whole."""


NO_SYNC = (errno.EINVAL, errno.ENOTSUP)
"""The errors of filesystems that cannot sync a folder, as some network filesystems cannot."""


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until everything in a folder is on disk; the folder's own name may not be."""
    for inside, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(inside, name))
        sync(Path(inside))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing.

    Raises:
        FileExistsError: it is there.
    """
    for parent in reversed(path.parents):
        if not parent.exists():
            with contextlib.suppress(FileExistsError):  # another process has just made it
                make_folder(parent)
    path.mkdir()
    sync(path.parent)


def _replace(path: Path, make: Callable[[Path], None]) -> None:
    """Put what ``make`` makes in place of ``path``; several processes may do so at once."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        make(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step."""

    def make(temporary: Path) -> None:
        temporary.write_bytes(content)
        sync(temporary)

    _replace(path, make)


def append(path: Path, text: str) -> None:
    """Add text to a file."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Replace a file of strict JSON; NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a CSV file; of each row the values of ``columns`` are written."""
    header = dict(zip(columns, columns, strict=True))
    write_text(path, csv_lines(columns, [header, *rows]))


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return lines of a CSV file: of each row the values of ``columns``."""
    text = io.StringIO(newline="")
    csv.DictWriter(text, columns, extrasaction="ignore").writerows(rows)
    return text.getvalue()


def write_link(path: Path, target: str) -> None:
    """Replace a symbolic link in one step."""
    _replace(path, lambda temporary: temporary.symlink_to(target))


def write_remote(filesystem: Any, path: str, content: bytes) -> None:
    """Replace a file of a pyarrow filesystem in one step, and make its folder if need be."""
    folder, _, name = path.rpartition("/")
    if filesystem.type_name == "local":
        with contextlib.suppress(FileExistsError):
            make_folder(Path(folder))
        write_bytes(Path(path), content)
        return
    whole_at_once = filesystem.type_name in OBJECT_STORES
    written = path if whole_at_once else f"{folder}/.{name}"
    if not whole_at_once:
        filesystem.create_dir(folder, recursive=True)
    with filesystem.open_output_stream(written) as stream:
        stream.write(content)
    if not whole_at_once:
        filesystem.move(written, path)


def _finite(data: Any) -> Any:
    """Return the data with None in place of each number that is not finite."""
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
