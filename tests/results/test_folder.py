"""The folder of a study: its name is free again where it could not be made."""

import resource

import pytest
from support.toy_problem import TOY

from study.results.folder import ResultsFolder, as_name, valid_name


@pytest.fixture
def full_disk():
    """No file can have more than a megabyte, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_start_on_a_full_disk_leaves_the_name_free(full_disk, tmp_path):
    with pytest.raises(OSError, match="too large"):
        ResultsFolder.create(tmp_path, "mine", TOY)
    assert not list(tmp_path.iterdir())
    ResultsFolder.check(tmp_path, "mine")


@pytest.mark.parametrize("text", ["my images", "a?b#c%d", "{std}", "müll", "x" * 300, "a/b", "\n"])
def test_any_text_becomes_a_part_of_a_name(text):
    assert valid_name(f"2000-01-01-{as_name(text)}")
