"""A folder is decoded once, by one process, and anew when it has changed."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import ROOT
from support.image_folders import save_images

from dipddpm import image_cache
from dipddpm.errors import DataError
from dipddpm.image_cache import Shape, read_shrunk

SHAPE = Shape(4, "crop", None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of twelve images, and a cache of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_images(tmp_path / "mine", 12)
    return tmp_path / "mine"


@pytest.fixture
def decoded(monkeypatch):
    """The files that are decoded, in their order."""
    names = []

    def read_image(path):
        names.append(path.name)
        return original(path)

    original = image_cache.read_image
    monkeypatch.setattr(image_cache, "read_image", read_image)
    return names


def read(folder, shape=SHAPE):
    return read_shrunk(folder, sorted(folder.iterdir()), shape)


def cached(folder):
    kept = (folder.parent / "cache" / "dipddpm").glob("images-*")
    return [file for file in kept if file.suffix != ".lock"]


def test_images_are_decoded_once(folder, decoded):
    first = read(folder)
    assert len(decoded) == 12
    assert np.array_equal(read(folder), first)
    assert len(decoded) == 12
    assert len(cached(folder)) == 1


def test_a_change_of_files_or_settings_decodes_them_anew(folder, decoded):
    first = read(folder)
    read(folder, Shape(4, "stretch", None))
    read(folder, Shape(8, "crop", None))
    assert read(folder, Shape(4, "crop", 3)).shape == (12, 3, 4, 4)
    assert len(decoded) == 48

    Image.new("L", (4, 4), 99).save(folder / "0.png")
    assert not np.array_equal(read(folder), first)
    (folder / "11.png").rename(folder / "12.png")
    read(folder)
    (folder / "12.png").unlink()
    assert len(read(folder)) == 11
    assert len(decoded) == 48 + 12 + 12 + 11
    assert len(cached(folder)) == 4  # one for each setting: what is out of date is replaced


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_cache_is_made_anew(damage, folder, decoded):
    first = read(folder)
    (file,) = cached(folder)
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 1
    file.write_bytes({"cut": content[:middle], "flipped": content, "empty": b""}[damage])
    assert np.array_equal(read(folder), first)
    assert len(decoded) == 24
    read(folder)
    assert len(decoded) == 24


def test_of_two_processes_one_decodes(folder):
    code = (
        "import sys; from pathlib import Path; from dipddpm import image_cache as c\n"
        "read = c.read_image\n"
        "c.read_image = lambda path: (print('decoded'), read(path))[1]\n"
        f"root = Path({str(folder)!r})\n"
        "images = c.read_shrunk(root, sorted(root.iterdir()), c.Shape(4, 'crop', None))\n"
        "print(images.sum())"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    said = [process.communicate()[0].split() for process in both]
    assert said[0][-1] == said[1][-1] == str(read(folder).sum())
    assert [word for words in said for word in words].count("decoded") == 12


def test_progress_is_said_with_what_is_left(folder, monkeypatch, capsys):
    monkeypatch.setattr(image_cache, "SAY_EVERY", 0.0)
    read(folder)
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"mine: 3 of 12 images read, about \d+ s left", lines[2])
    assert lines[-1].startswith("mine: 12 of 12 images read")


def test_all_files_that_cannot_be_read_are_counted(folder):
    for name in ("3.png", "7.png"):
        (folder / name).write_text("text")
    with pytest.raises(DataError, match=r"3\.png cannot be read .* \(1 other files cannot be"):
        read(folder)
    assert cached(folder) == []


def test_a_cache_that_cannot_be_written_is_named(folder, monkeypatch):
    (folder.parent / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "file"))
    with pytest.raises(DataError, match=r"file/dipddpm cannot be written .* set XDG_CACHE_HOME"):
        read(folder)
