"""Files that are replaced in one step: the old content or the new, and nothing left over."""

import json
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow.fs
import pytest

from study.results.files import (
    make_folder,
    write_bytes,
    write_csv,
    write_json,
    write_link,
    write_remote,
    write_text,
)


class Killed(Exception):
    """In place of a kill -9."""


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("write", "content", "on_disk"),
    [
        (write_bytes, b"new", b"new"),
        (write_text, "é\n", "é\n".encode()),
        (write_json, {"a": 1}, b'{\n  "a": 1\n}\n'),
        (
            lambda path, rows: write_csv(path, ["a", "b"], rows),
            [{"b": 2, "c": 3}],
            b"a,b\r\n,2\r\n",
        ),
    ],
    ids=["bytes", "text", "json", "csv"],
)
def test_the_old_content_stays_until_the_new_one_is_whole(
    write, content, on_disk, tmp_path, monkeypatch
):
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            write(file, content)
    assert file.read_bytes() == b"old"
    write(file, content)
    assert file.read_bytes() == on_disk
    assert names(tmp_path) == {"file"}


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": [math.nan, math.inf, 1.5], "b": {"c": "é"}})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "a": [None, None, 1.5],
        "b": {"c": "é"},
    }


def test_a_link_is_replaced(tmp_path):
    for target in ("one", "two"):
        write_link(tmp_path / "latest", target)
        assert os.readlink(tmp_path / "latest") == target
    assert names(tmp_path) == {"latest"}


@pytest.mark.parametrize("is_local", [True, False])
def test_a_file_of_another_filesystem(is_local, tmp_path):
    path, filesystem = tmp_path / "new" / "file", pyarrow.fs.LocalFileSystem()
    if not is_local:
        filesystem = pyarrow.fs.SubTreeFileSystem("/", filesystem)
    for content in (b"old", b"new"):
        write_remote(filesystem, str(path), content)
        assert path.read_bytes() == content
    assert names(path.parent) == {"file"}


def at_once(number, work):
    """Call ``work`` with each index in threads that begin together; return the answers."""
    together = threading.Barrier(number)

    def begin(index):
        together.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def test_several_replace_a_file_or_a_link_at_once(tmp_path):
    def replace(index):
        for _ in range(30):
            write_link(tmp_path / "latest", f"study-{index}")
            write_bytes(tmp_path / "page", bytes([index]) * 5000)

    at_once(8, replace)
    assert os.readlink(tmp_path / "latest").startswith("study-")
    assert len(set((tmp_path / "page").read_bytes())) == 1
    assert names(tmp_path) == {"latest", "page"}


def test_of_several_that_make_a_folder_at_once_one_has_made_it(tmp_path):
    def make(_):
        try:
            make_folder(tmp_path / "results" / "mine")
        except FileExistsError:
            return False
        return True

    assert sum(at_once(8, make)) == 1
