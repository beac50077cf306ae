"""Files that are replaced in one step: a reader, or a crash, never meets half a file."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

OBJECT_STORES = ("s3", "gcs", "abfs")
"""Filesystems on which a file appears in one step, once it is whole."""


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Replace a file of strict JSON; NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a CSV file; of each row the values of ``columns`` are written."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_link(path: Path, target: str) -> None:
    """Replace a symbolic link in one step."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, path)


def write_remote(filesystem: Any, path: str, content: bytes) -> None:
    """Replace a file of a pyarrow filesystem in one step, and make its folder if need be."""
    folder, _, name = path.rpartition("/")
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
