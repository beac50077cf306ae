"""Whether a checkpoint is whole shows without knowing what a trial puts into it."""

import pyarrow.fs
import pytest

from study.engine.checkpoints import SEAL_FILE, is_whole, seal
from study.results.remote import RemotePath


@pytest.fixture
def checkpoint(tmp_path):
    for name in ("state", "inner/more", "pictures/after.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    seal(tmp_path)
    return tmp_path


def elsewhere(folder):
    """The same folder as a filesystem that is not local."""
    local = pyarrow.fs.LocalFileSystem()
    return RemotePath(pyarrow.fs.SubTreeFileSystem(str(folder.parent), local), folder.name)


@pytest.mark.parametrize("name", ["state", "inner/more", SEAL_FILE])
def test_every_file_counts(name, checkpoint):
    whole = (checkpoint / name).read_bytes()
    for place in (RemotePath.local(checkpoint), elsewhere(checkpoint)):
        assert is_whole(place)
        for damaged in (b"", whole[:-1]):
            (checkpoint / name).write_bytes(damaged)
            assert not is_whole(place)
        (checkpoint / name).write_bytes(whole)
    (checkpoint / name).write_bytes(bytes(len(whole)))
    assert not is_whole(RemotePath.local(checkpoint))


def test_pictures_are_not_gone_on_from(checkpoint):
    (checkpoint / "pictures" / "after.png").unlink()
    assert is_whole(RemotePath.local(checkpoint))


def test_an_earlier_version_sealed_nothing(checkpoint):
    (checkpoint / SEAL_FILE).unlink()
    assert is_whole(RemotePath.local(checkpoint))
    assert not is_whole(RemotePath.local(checkpoint / "nothing"))
