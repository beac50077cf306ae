"""Checkpoints: sealed by the trial, so that a study that is resumed sees whether they are whole."""

import json
import zlib
from pathlib import Path

import pyarrow.fs

from study.results.files import make_folder, sync_tree
from study.results.remote import FAILURES, RemotePath

PICTURES = "pictures"
"""The folder in a checkpoint that is copied to the results."""

SEAL_FILE = "seal.json"
"""The file in a checkpoint that names its other files, each with its size and its CRC-32."""


def seal(checkpoint: Path) -> None:
    """Write down what a trial goes on from; pictures are not of it."""
    files = {
        path.relative_to(checkpoint).as_posix(): _size_and_sum(path.read_bytes())
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and PICTURES not in path.relative_to(checkpoint).parts
    }
    (checkpoint / SEAL_FILE).write_text(json.dumps(files))


def is_whole(checkpoint: RemotePath) -> bool:
    """Return whether a checkpoint is there as it was sealed.

    Contents are compared on a local filesystem; others keep sums of their own, so that sizes do.
    A checkpoint of an earlier version has no seal: it is whole if it has any file.
    """
    there = checkpoint.files()
    if SEAL_FILE not in there:
        return bool(there)
    try:
        sealed = json.loads(checkpoint.read(SEAL_FILE))
    except (*FAILURES, ValueError):
        return False
    for name, (size, total) in sealed.items():
        if name not in there or there[name].size != size:
            return False
        is_local = checkpoint.filesystem.type_name == "local"
        if is_local and _size_and_sum(checkpoint.read(name)) != [size, total]:
            return False
    return True


def _size_and_sum(content: bytes) -> list[int]:
    return [len(content), zlib.crc32(content)]


def bring_pictures(checkpoint: RemotePath, samples: Path) -> None:
    """Copy a checkpoint's pictures, wherever it is stored, to the results; it may have none."""
    if not (checkpoint / PICTURES).exists():
        return
    if not samples.exists():
        make_folder(samples)
    pyarrow.fs.copy_files(
        f"{checkpoint.path}/{PICTURES}",
        str(samples),
        source_filesystem=checkpoint.filesystem,
        destination_filesystem=pyarrow.fs.LocalFileSystem(),
    )
    sync_tree(samples)
