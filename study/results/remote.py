"""A study's folder on storage that every node reaches: a bucket, or a shared folder.

It holds the same files as the folder on the driver's disk, and Ray's checkpoints. It is kept up to
date, and a study whose driver's disk is lost can be resumed from it.
"""

import contextlib
import datetime
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import fs

from study.results.files import sync, sync_tree, write_remote
from study.results.folder import (
    ARTIFACTS_FOLDER,
    CHECKPOINT,
    DASHBOARD_FILE,
    DATABASE_FILE,
    HISTORY_FILE,
    PARTS,
    STUDY_FILE,
    TRIALS_FILE,
)
from study.results.private import redacted
from study.spec.errors import SettingError

PUSH_S = 1.0
"""Seconds between two looks at what has changed; longer where looking and copying take longer."""

BEAT_S = 4.0
"""Seconds between two heartbeats of a driver."""

BEATS_MISSED = 3
"""A driver whose heartbeat has been missing for so many beats is gone."""

DRIVER_FILE = ".driver"

AT_THE_END = (DATABASE_FILE, ARTIFACTS_FOLDER, DASHBOARD_FILE)
"""Files that follow from the others: copied when a session ends, made again after a crash."""

SECRET = re.compile("key|secret|token|password|credential", re.IGNORECASE)
"""Matches the options of a URI that hold credentials."""

FAILURES = (OSError, pyarrow.ArrowException)
"""The exceptions of a filesystem."""


class StudyIsDriven(Exception):
    """Another driver runs the study."""


class StudiesDiffer(Exception):
    """The results folder and the storage each hold evaluations that the other lacks."""


@dataclass(frozen=True)
class RemotePath:
    """A folder of any filesystem; it need not exist."""

    filesystem: Any
    path: str

    @classmethod
    def local(cls, path: Path) -> "RemotePath":
        return cls(fs.LocalFileSystem(), str(path.absolute()))

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(self.filesystem, f"{self.path}/{name}")

    def exists(self) -> bool:
        return self.filesystem.get_file_info(self.path).type != fs.FileType.NotFound

    def folders(self) -> list[str]:
        """Return the names of the folders in it."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        entries = self.filesystem.get_file_info(selector)
        return sorted(e.base_name for e in entries if e.type == fs.FileType.Directory)

    def files(self) -> dict[str, fs.FileInfo]:
        """Return all files at any depth, by their path from here."""
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=True)
        entries = self.filesystem.get_file_info(selector)
        start = len(self.path) + 1
        return {e.path[start:]: e for e in entries if e.type == fs.FileType.File}

    def read(self, name: str) -> bytes:
        with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
            return stream.read()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in it in one step."""
        write_remote(self.filesystem, f"{self.path}/{name}", content)

    def sync(self, below: "RemotePath") -> None:
        """Wait until everything in it is on disk, and the folders that lead to it from ``below``.

        Elsewhere than in a local filesystem, what is written is there.
        """
        if self.filesystem.type_name == "local":
            folder, top = Path(self.path), Path(below.path)
            sync_tree(folder)
            while folder != top:
                folder = folder.parent
                sync(folder)

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        if self.exists():
            self.filesystem.delete_dir(self.path)

    def try_out(self) -> None:
        """Write a file here, read it back and remove it; raise what the filesystem raises."""
        name = f".try-{uuid.uuid4().hex}"
        self.write(name, b"written")
        self.read(name)
        self.filesystem.delete_file(f"{self.path}/{name}")


def open_storage(uri: str) -> RemotePath:
    """Return the folder that ``--storage-path`` names.

    Raises:
        SettingError: no filesystem can hold such a folder.
    """
    if _has_credentials(uri):
        secret_free = "a URI without credentials; they come from the environment or a profile"
        raise SettingError("storage_path", shown(uri), secret_free)
    if "://" not in uri:
        return RemotePath.local(Path(uri).expanduser())
    try:
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (*FAILURES, ValueError) as error:
        expected = f"s3://bucket/folder or a shared folder: {first_line(error)}"
        raise SettingError("storage_path", shown(uri), expected) from None
    if not (path := path.rstrip("/")):
        raise SettingError("storage_path", shown(uri), "s3://bucket/folder or a shared folder")
    return RemotePath(filesystem, path)


def _has_credentials(uri: str) -> bool:
    """Return whether a URI has a user and password in front of its host, or among its options."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme == "file":
        return False
    place, _, options = rest.partition("?")
    return "@" in place or SECRET.search(options) is not None


@contextlib.contextmanager
def reaching(uri: str | None) -> Iterator[None]:
    """Raise a SettingError for ``--storage-path`` in place of what a filesystem raises."""
    try:
        yield
    except FAILURES as error:
        expected = f"a place that can be written and read: {first_line(error)}"
        raise SettingError("storage_path", shown(uri or ""), expected) from None


def shown(uri: str) -> str:
    """Return a storage's URI without credentials and options; for a local folder its name alone."""
    if "://" not in uri or uri.startswith("file:"):
        return Path(uri).name
    return redacted(uri).removesuffix("?***").rstrip("/")


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def fetch(place: RemotePath, folder: Path) -> bool:
    """Copy a study from the storage to its results folder, unless that is at least as new.

    Checkpoints stay on the storage.

    Returns:
        Whether anything was copied.

    Raises:
        StudiesDiffer: they are not the same study, or both have gone on.
    """
    files = place.files()
    parts = [part for part in ("", *(f"{part}/" for part in PARTS)) if part + STUDY_FILE in files]
    if folder.exists():
        theirs = {part: place.read(part + HISTORY_FILE) for part in parts}
        ours = {part: _read(folder / part / HISTORY_FILE) for part in theirs}
        if all(ours[part].startswith(theirs[part]) for part in parts) and (
            (folder / STUDY_FILE).exists()
        ):
            return False
        if not all(theirs[part].startswith(ours[part]) for part in parts):
            raise StudiesDiffer(f"{folder} has evaluations that the storage lacks, and the reverse")
    if "" not in parts:
        return False  # there is no study
    wanted = [name for name in files if _belongs(name) and _part_of(name) in parts]
    last = sorted(filter(_comes_last, wanted), key=_comes_last)  # where they are, all is
    with ThreadPoolExecutor(8, "fetch") as pool:
        for _ in pool.map(
            lambda name: _fetch_file(place, name, files[name], folder), set(wanted) - set(last)
        ):
            pass
    for name in last:
        _fetch_file(place, name, files[name], folder)
    return True


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _part_of(name: str) -> str:
    first = name.partition("/")[0]
    return f"{first}/" if first in PARTS else ""


def _belongs(name: str) -> bool:
    """Return whether a file is part of the results: neither hidden nor in a checkpoint."""
    return not any(part.startswith((".", CHECKPOINT)) for part in name.split("/"))


def _fetch_file(place: RemotePath, name: str, info: fs.FileInfo, folder: Path) -> None:
    RemotePath.local(folder).write(name, place.read(name))
    seconds = info.mtime_ns / 1e9
    os.utime(folder / name, (seconds, seconds))  # as old as the copy: it need not be copied back


class StorageCopy:
    """A copy of the results folder on the storage, kept while a driver runs the study.

    Two drivers would ruin a study, so each writes a heartbeat, and one that finds another's heart
    beating is refused. When the storage is out of reach the study goes on, and so does the copy
    once it can be reached again.

    Args:
        place: the study's folder on the storage.
        warn: called with one line when the storage cannot be written.

    Raises:
        StudyIsDriven: another driver runs the study.
    """

    def __init__(self, place: RemotePath, warn: Callable[[str], None]) -> None:
        self.place, self._warn = place, warn
        self.fatal: OSError | None = None
        """Why nothing more may be written."""
        self._driver = uuid.uuid4().hex
        self._folder: Path | None = None
        self._copied: dict[str, tuple[int, int]] = {}
        """The time of change and the size of each file when it was copied."""
        self._later: dict[str, Callable[[], None]] = {}
        self._pushing = threading.Lock()
        self._ended = threading.Event()
        self._claim()
        self._threads = [threading.Thread(target=self._beat, name="heartbeat", daemon=True)]
        self._threads[0].start()

    def _claim(self) -> None:
        """Take the study over from a driver that is gone."""
        before = self._heartbeat()
        if before:
            time.sleep(BEAT_S * BEATS_MISSED)
            if self._heartbeat() not in (before, {}):
                raise StudyIsDriven("it is being run by another driver")
        self._write_heartbeat()

    def _heartbeat(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.place.read(DRIVER_FILE)))
        except FileNotFoundError:
            return {}

    def _write_heartbeat(self) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat()
        self.place.write(DRIVER_FILE, json.dumps({"driver": self._driver, "at": now}).encode())

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            with contextlib.suppress(*FAILURES):  # out of reach; the copy says so
                if self._heartbeat().get("driver", self._driver) != self._driver:
                    self.fatal = OSError("another driver has taken the study over")
                    return
                self._write_heartbeat()

    def follow(self, folder: Path) -> None:
        """Begin to copy a results folder; what the storage has already is not copied again."""
        self._folder = folder
        there = self.place.files()
        for name, stamp in self._stamps(at_the_end=True).items():
            copy = there.get(name)
            if copy and copy.size == stamp[1] and copy.mtime_ns >= stamp[0]:
                self._copied[name] = stamp
        self.push()
        self._threads.append(threading.Thread(target=self._run, name="copy", daemon=True))
        self._threads[-1].start()

    def beside(self, folder: Path) -> RemotePath:
        """Return where the copy of the followed folder is, or of one of its parts."""
        assert self._folder is not None
        return self.place if folder == self._folder else self.place / folder.name

    def later(self, key: str, job: Callable[[], None]) -> None:
        """Do a job once everything that is written by now has been copied.

        It replaces a job that still waits under the same key.
        """
        self._later[key] = job

    def _run(self) -> None:
        took, reached = 0.0, True
        while not self._ended.wait(max(PUSH_S, 4 * took)):  # a fifth of the time at most
            start = time.monotonic()
            try:
                self.push()
                reached = True
            except FAILURES as error:
                if reached:
                    self._warn(f"the storage cannot be written, which is tried again: {error}")
                reached = False
            took = time.monotonic() - start

    def push(self, at_the_end: bool = False) -> None:
        """Copy what has changed.

        The tables are read first and copied after all else, so that each evaluation in the copy has
        its log there too; and of the tables the trials are read before the history, so that no
        trial has ended in the copy by an evaluation that the copy lacks. ``study.json`` comes last:
        where it is, all is.
        """
        if self.fatal:
            raise self.fatal
        with self._pushing, ThreadPoolExecutor(8, "copy") as pool:
            assert self._folder is not None
            jobs = dict(self._later)
            stamps = self._stamps(at_the_end)
            changed = [name for name in stamps if self._copied.get(name) != stamps[name]]
            last = sorted(filter(_comes_last, changed), key=_comes_last)
            content = {name: (self._folder / name).read_bytes() for name in last}
            for _ in pool.map(self._copy, set(changed) - set(last)):
                pass
            for name in last:
                self.place.write(name, content[name])
            self._copied |= {name: stamps[name] for name in changed}
            for _ in pool.map(lambda job: job(), jobs.values()):
                pass
            for key, job in jobs.items():
                if self._later[key] is job:
                    del self._later[key]

    def _stamps(self, at_the_end: bool) -> dict[str, tuple[int, int]]:
        """Return time of change [ns] and size of all files that belong in the copy."""
        assert self._folder is not None
        stamps = {}
        for folder, names, files in os.walk(self._folder):
            relative = Path(folder).relative_to(self._folder)
            names[:] = [name for name in names if _belongs(name)]
            for file in files:
                name = (relative / file).as_posix()
                if _belongs(name) and (at_the_end or not name.startswith(AT_THE_END)):
                    with contextlib.suppress(FileNotFoundError):  # of files that come and go
                        status = (self._folder / name).stat()
                        stamps[name] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _copy(self, name: str) -> None:
        assert self._folder is not None
        self.place.write(name, (self._folder / name).read_bytes())

    def __enter__(self) -> "StorageCopy":
        return self

    def __exit__(self, *_: object) -> None:
        """Copy what is left, and let other drivers run the study."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        try:
            if self._folder is not None:
                self.push(at_the_end=True)
            if not self.fatal:
                self.place.filesystem.delete_file(f"{self.place.path}/{DRIVER_FILE}")
        except FAILURES as error:
            lacks = "the storage lacks the last results, which --resume copies"
            self._warn(f"{lacks}: {first_line(error)}")


def _comes_last(name: str) -> int:
    """Return the place among the files that are copied last, in this order; 0 for all others."""
    return {TRIALS_FILE: 1, HISTORY_FILE: 2, STUDY_FILE: 3}.get(Path(name).name, 0)
