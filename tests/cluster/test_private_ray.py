"""What a private Ray needs of the machine."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest
import ray

from study.cluster.private_ray import ALLOCATOR, check_machine, choose_allocator, make_token
from study.spec.errors import MachineError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A new home, and an environment that says nothing of Ray."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_token_is_made_once_for_its_owner_alone(home):
    make_token()
    token = home / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    first = token.read_text()
    assert len(first) == 64
    make_token()
    assert token.read_text() == first
    assert [path.name for path in token.parent.iterdir()] == ["auth_token"]


def test_the_token_is_never_readable_by_others(home, monkeypatch):
    """Whatever the umask, from its first byte on."""
    modes, rename = [], os.rename

    def watch(source, target):
        modes.append(stat.S_IMODE(os.stat(source).st_mode))
        rename(source, target)

    monkeypatch.setattr(os, "rename", watch)
    before = os.umask(0)
    try:
        make_token()
    finally:
        os.umask(before)
    assert modes == [0o600]


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_TOKEN", "mine"), ("RAY_AUTH_TOKEN_PATH", "/mine")],
)
def test_no_token_is_made_where_ray_needs_none(name, value, home, monkeypatch):
    monkeypatch.setenv(name, value)
    make_token()
    assert not (home / ".ray").exists()


def test_a_home_that_cannot_be_written(home, monkeypatch):
    (home / "file").touch()
    monkeypatch.setenv("HOME", str(home / "file"))
    with pytest.raises(MachineError, match=r"HOME is .*/file; expected a folder that can be wri"):
        check_machine()


def test_a_folder_for_temporary_files_whose_path_is_too_long(home, monkeypatch):
    folder = home / ("x" * 60)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with pytest.raises(
        MachineError, match=r"TMPDIR is .*; expected at most \d+ bytes, .*RAY_TMPDIR"
    ):
        check_machine()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    check_machine()


def test_a_folder_for_temporary_files_that_is_missing(home, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with pytest.raises(MachineError, match="TMPDIR is /nowhere; expected a folder that can be"):
        check_machine()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def grown_mb_by_threads(threads: int, mb: int) -> float:
    """How much memory a process keeps of what its threads, one after the other, have freed."""
    freed, end = threading.Event(), threading.Event()

    def work() -> None:
        bytes_of_its_own = b"1" * (mb * 2**20)
        del bytes_of_its_own
        freed.set()
        end.wait()

    before, started = resident_mb(), []
    for _ in range(threads):
        freed.clear()
        started.append(threading.Thread(target=work))
        started[-1].start()
        freed.wait()
    grown = resident_mb() - before
    end.set()
    for thread in started:
        thread.join()
    return grown


@pytest.mark.skipif(sys.platform != "linux", reason="Ray ships jemalloc for Linux alone")
def test_what_trials_have_freed_is_kept_once(ray_local):
    """A trial has a thread of its own, and a process has many trials, one after the other."""
    grown = ray.get(ray.remote(grown_mb_by_threads).remote(threads=16, mb=50))
    assert grown < 2 * 50


@pytest.mark.skipif(sys.platform != "linux", reason="Ray ships jemalloc for Linux alone")
def test_workers_have_jemalloc_loaded(ray_local):
    look = ray.remote(lambda: (Path("/proc/self/maps").read_text(), os.environ["MALLOC_CONF"]))
    maps, options = ray.get(look.remote())
    assert "libjemalloc.so" in maps
    assert options == ALLOCATOR["MALLOC_CONF"]


def test_another_choice_of_allocator_is_left_alone(monkeypatch):
    monkeypatch.setenv("RAY_LD_PRELOAD_ON_WORKERS", "0")
    monkeypatch.setenv("MALLOC_CONF", "narenas:1")
    choose_allocator()
    assert os.environ["RAY_LD_PRELOAD_ON_WORKERS"] == "0"
    assert os.environ["MALLOC_CONF"] == "narenas:1"
