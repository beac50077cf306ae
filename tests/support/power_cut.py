"""A disk that loses, at a power cut, what was never synced.

A folder is watched while it is written. After each operation it is known what it holds, and what of
that has been synced: of a file its bytes, of a folder its names. From any such moment the folder
can be made again as a power cut may leave it.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Names = dict[str, int]
"""The names in a folder, each with the number of the file, folder or link that it is a name of."""

OPERATIONS = ("fsync", "replace", "unlink", "mkdir", "rmdir", "symlink")
"""Functions of :mod:`os` after which a power cut is looked at, besides before them."""


@dataclass(frozen=True)
class Moment:
    """What is on a disk, by number: contents, or the names in a folder."""

    live: dict[int, bytes | Names]
    synced: dict[int, bytes | Names]


class WatchedDisk:
    """A folder whose every state is kept; use :meth:`watched` while it is written.

    Files are held open as long as the object lives, so that no number is used again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moments: list[Moment] = []
        self._held: dict[int, int] = {}
        self._top = root.stat().st_ino
        self._synced: dict[int, bytes | Names] = self._look()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look before and after each operation."""
        with pytest.MonkeyPatch.context() as patch:
            for name in OPERATIONS:
                patch.setattr(os, name, self._watch(getattr(os, name)))
            yield
        self.look()

    def _watch(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            self.look()
            result = operation(*args, **options)
            if operation.__name__ == "fsync":
                number = os.fstat(args[0]).st_ino
                if (found := self._look()).get(number) is not None:
                    self._synced = {**self._synced, number: found[number]}
            self.look()
            return result

        return watched

    def look(self) -> None:
        """Keep the state of this moment, unless it is that of the last one."""
        moment = Moment(self._look(), self._synced)
        if not self.moments or self.moments[-1] != moment:
            self.moments.append(moment)

    def _look(self) -> dict[int, bytes | Names]:
        found: dict[int, bytes | Names] = {}
        for folder, _, files in os.walk(self.root):
            names = {entry.name: entry.inode() for entry in os.scandir(folder)}
            found[os.stat(folder).st_ino] = names
            for name in files:
                path, number = Path(folder, name), names[name]
                if path.is_symlink():
                    found[number] = os.readlink(path).encode()
                else:
                    if number not in self._held:
                        self._held[number] = os.open(path, os.O_RDONLY)
                    found[number] = path.read_bytes()
        return found

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in self._held.values():
            os.close(descriptor)

    def after_cut(self, moment: Moment, luck: random.Random | bool) -> dict[str, bytes | None]:
        """Return what a power cut at that moment leaves, by path; None is a folder.

        Args:
            luck: False leaves what was synced alone, True everything; a generator leaves what was
                synced and some of the rest: names, and whole, torn or zeroed contents.
        """
        left: dict[str, bytes | None] = {}

        def leave(number: int, path: str) -> None:
            old, new = moment.synced.get(number), moment.live.get(number)
            if isinstance(old or new, dict):
                if path:
                    left[path] = None
                for name, inner in sorted(_names(old, new, luck).items()):
                    leave(inner, f"{path}/{name}" if path else name)
            else:
                left[path] = _content(old or b"", new, luck)

        leave(self._top, "")
        return left


def _names(old: Any, new: Any, luck: random.Random | bool) -> Names:
    old, new = old or {}, new or {}
    if isinstance(luck, bool):
        return new if luck else old
    chosen = {name: luck.choice((old, new)).get(name) for name in sorted({**old, **new})}
    return {name: number for name, number in chosen.items() if number is not None}


def _content(old: Any, new: Any, luck: random.Random | bool) -> bytes:
    if new is None or new == old or luck is False:
        return old
    if luck is True:
        return new
    kept = old if new.startswith(old) else b""
    added = new[len(kept) :]
    return luck.choice((old, new, kept + added[: len(added) // 2], kept + bytes(len(added))))


def write(left: dict[str, bytes | None], root: Path) -> None:
    """Make the folder that a power cut left."""
    for path, content in left.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)
