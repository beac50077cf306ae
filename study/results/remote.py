"""A study's folder on storage that every node reaches: a bucket, or a shared folder.

There it is the same folder as on the driver's disk, with Ray's checkpoints besides.
It is kept up to date, and a study whose driver's disk is lost goes on from it.
"""

import contextlib
import datetime
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow
from pyarrow import fs

from study.results.folder import (
    ARTIFACTS_FOLDER,
    DASHBOARD_FILE,
    DATABASE_FILE,
    HISTORY_FILE,
    PARTS,
    STUDY_FILE,
)
from study.spec.errors import SettingError

OBJECT_STORES = ("s3", "gcs", "abfs")
"""Filesystems where a file appears in one step, once it is whole."""

PUSH_S = 1.0
"""Between two looks at what has changed; longer where looking and copying take longer."""

BEAT_S = 4.0
BEATS_MISSED = 3
"""A driver that has not been heard of for so many beats is gone."""

DRIVER_FILE = ".driver"

AT_THE_END = (DATABASE_FILE, ARTIFACTS_FOLDER, DASHBOARD_FILE)
"""What follows from the rest: it is copied when a session ends, and made again after a crash."""

FAILURES = (OSError, pyarrow.ArrowException)
"""What a filesystem raises."""


class StudyIsDriven(Exception):
    """Another driver runs the study."""


class StudiesDiffer(Exception):
    """The results folder and the storage each hold what the other has not."""


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
        """Names of the folders in it."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        entries = self.filesystem.get_file_info(selector)
        return sorted(e.base_name for e in entries if e.type == fs.FileType.Directory)

    def files(self) -> dict[str, fs.FileInfo]:
        """All files at any depth, by their path from here."""
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=True)
        entries = self.filesystem.get_file_info(selector)
        start = len(self.path) + 1
        return {e.path[start:]: e for e in entries if e.type == fs.FileType.File}

    def read(self, name: str) -> bytes:
        with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
            return stream.read()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one step."""
        target = f"{self.path}/{name}"
        if self.filesystem.type_name in OBJECT_STORES:
            with self.filesystem.open_output_stream(target) as stream:
                stream.write(content)
            return
        folder, _, base = target.rpartition("/")
        self.filesystem.create_dir(folder, recursive=True)
        with self.filesystem.open_output_stream(f"{folder}/.{base}") as stream:
            stream.write(content)
        self.filesystem.move(f"{folder}/.{base}", target)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        if self.exists():
            self.filesystem.delete_dir(self.path)

    def try_out(self) -> None:
        """Write here and read it back; raises what the filesystem raises."""
        name = f".try-{uuid.uuid4().hex}"
        self.write(name, b"written")
        self.read(name)
        self.filesystem.delete_file(f"{self.path}/{name}")


def open_storage(uri: str) -> RemotePath:
    """The folder that ``--storage-path`` names.

    Raises:
        SettingError: there can be no such folder.
    """
    if "@" in urlsplit(uri).netloc:
        secret_free = "a URI without credentials; they come from the environment or a profile"
        raise SettingError("storage_path", shown(uri), secret_free)
    if "://" not in uri:
        uri = str(Path(uri).expanduser().absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (*FAILURES, ValueError) as error:
        expected = f"s3://bucket/folder or a shared folder: {first_line(error)}"
        raise SettingError("storage_path", shown(uri), expected) from None
    return RemotePath(filesystem, path.rstrip("/"))


@contextlib.contextmanager
def reaching(uri: str | None) -> Iterator[None]:
    """Turns what a filesystem raises into a SettingError."""
    try:
        yield
    except FAILURES as error:
        expected = f"a place that can be written and read: {first_line(error)}"
        raise SettingError("storage_path", shown(uri or ""), expected) from None


def shown(uri: str) -> str:
    """A storage's URI for the record: no credentials, no options; of a folder the name alone."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return Path(parts.path).name
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def fetch(place: RemotePath, folder: Path) -> bool:
    """Bring a study from the storage to its results folder, unless that is as new; whether it did.

    Checkpoints stay where they are.

    Raises:
        StudiesDiffer: it is not the same study, or both have gone on.
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
    with ThreadPoolExecutor(8, "fetch") as pool:
        list(pool.map(lambda name: _fetch_file(place, name, files[name], folder), wanted))
    return True


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _part_of(name: str) -> str:
    first = name.partition("/")[0]
    return f"{first}/" if first in PARTS else ""


def _belongs(name: str) -> bool:
    """Whether a file is of the results: neither hidden nor in a checkpoint."""
    return not any(part.startswith((".", "checkpoint_")) for part in name.split("/"))


def _fetch_file(place: RemotePath, name: str, info: fs.FileInfo, folder: Path) -> None:
    RemotePath.local(folder).write(name, place.read(name))
    seconds = info.mtime_ns / 1e9
    os.utime(folder / name, (seconds, seconds))  # as old as the copy: it need not be copied back


class StorageCopy:
    """Keeps the storage like the results folder, while a driver runs the study.

    Two drivers on one study would ruin it: each writes a heartbeat, and one that finds another's
    that still beats is refused. When storage is out of reach the study goes on, and so does the
    copy when it can be reached again.

    Args:
        place: of the study, on the storage.
        warn: told in one line when the storage cannot be written.

    Raises:
        StudyIsDriven: it is run by another driver.
    """

    def __init__(self, place: RemotePath, warn: Callable[[str], None]) -> None:
        self.place, self._warn = place, warn
        self.fatal: OSError | None = None
        """Why nothing more may be written."""
        self._driver = uuid.uuid4().hex
        self._folder: Path | None = None
        self._copied: dict[str, tuple[int, int]] = {}
        """What a file that has been copied was: time of change and size."""
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
        """Begin to keep the copy of a results folder; what is there already is not copied again."""
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
        """Where the copy of the followed folder is, or of one of its parts."""
        assert self._folder is not None
        return self.place if folder == self._folder else self.place / folder.name

    def later(self, key: str, job: Callable[[], None]) -> None:
        """Do what can be done only once all that is written by now has been copied.

        A job that still waits under the same key is dropped for the new one.
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

        The history is read first and copied after all else: of a trial on record its row has been
        copied, and of an evaluation its log. ``study.json`` comes last: where it is, all is.
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
        """Of all files that are to be in the copy."""
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
        """Copy what is left, and let others drive the study."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self._folder is not None:
            self.push(at_the_end=True)
        if not self.fatal:
            self.place.filesystem.delete_file(f"{self.place.path}/{DRIVER_FILE}")


def _comes_last(name: str) -> int:
    """0 for most files; the last ones are copied in this order."""
    return {HISTORY_FILE: 1, STUDY_FILE: 2}.get(Path(name).name, 0)
