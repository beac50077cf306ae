"""A study on a disk image that is copied while it runs: each copy is a disk whose power failed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from support.killed_studies import start, wait_for_rows
from support.toy_problem import TOY
from support.waiting import HANG_S, wait_until

from study.engine.recovery import recover
from study.engine.samplers import make_scheduler
from study.results.folder import ResultsFolder
from study.results.remote import RemotePath

CUTS = 6
PROGRAMS = ("mkfs.ext4", "losetup", "mount", "umount")


def mount(image: Path, at: Path) -> None:
    at.mkdir()
    # with a journal that is not written unless someone syncs: a copy shall be of one moment
    options = "loop,commit=300"
    subprocess.run(["mount", "-o", options, image, at], check=True, capture_output=True)


@contextlib.contextmanager
def halted(process: subprocess.Popen[str]) -> Iterator[None]:
    """Hold the driver of a study, none of whose threads writes meanwhile."""
    os.kill(process.pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{process.pid}/task")

    def states() -> set[str]:
        return {stat.read_text().rpartition(")")[2].split()[0] for stat in tasks.glob("*/stat")}

    wait_until(lambda: states() == {"T"}, every_s=0.01, why_not=states)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.fixture
def disk(tmp_path):
    """A file with an ext4 filesystem, mounted; skips where that cannot be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting an image needs Linux and root")
    if absent := [program for program in PROGRAMS if not shutil.which(program)]:
        pytest.skip(f"not installed: {', '.join(absent)}")
    image, at = tmp_path / "disk.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(48_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    try:
        mount(image, at)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device can be mounted here: {error.stderr.decode().strip()}")
    yield image, at
    subprocess.run(["umount", at], check=True)


def on_record(folder: Path) -> tuple[dict[str, int], set[str]]:
    """The last round of each trial, and the trials that have ended."""
    history = pd.read_csv(folder / "history.csv", dtype={"trial_id": str})
    trials = pd.read_csv(folder / "trials.csv", dtype={"trial_id": str})
    ended = set(trials.trial_id[trials.status.isin(["completed", "stopped"])])
    return history.groupby("trial_id")["round"].max().to_dict(), ended


def check_after_cut(image: Path, rounds: dict[str, int], ended: set[str], at: Path) -> None:
    """All that was on record before the cut is still there, and no trial has failed."""
    mount(image, at)
    try:
        folder = at / "study"
        study = ResultsFolder.reopen(folder, TOY, json.loads((folder / "study.json").read_text()))
        said: list[str] = []
        scheduler = make_scheduler("asha", TOY, 1, 2)
        rows, trials = recover(study, RemotePath.local(folder), scheduler, 1, said.append)
        study.close()
        assert said == []
        assert "failed" not in {row["status"] for row in rows}
        assert ended <= {
            row["trial_id"] for row in rows if row["status"] in ("completed", "stopped")
        }
        reached = {trial.trial_id: trial.resource for trial in trials}
        assert {trial_id: reached[trial_id] >= done for trial_id, done in rounds.items()} == (
            dict.fromkeys(rounds, True)
        )
    finally:
        subprocess.run(["umount", at], check=True)


@pytest.mark.slow
def test_copies_of_the_disk_of_a_running_study_have_all_that_was_on_record(disk, tmp_path):
    image, at = disk
    process = start(at / "study", 40, round_s=0.1)
    cuts = []
    try:
        for number in range(CUTS):
            wait_for_rows(at / "study", 2 + 4 * number, process)
            assert process.poll() is None, process.communicate()[0]
            rounds, ended = on_record(at / "study")
            copy = tmp_path / f"cut-{number}.img"
            with halted(process):
                subprocess.run(["cp", "--sparse=always", image, copy], check=True)
            cuts.append((copy, rounds, ended))
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=HANG_S)
    assert cuts[-1][2]
    for number, (copy, rounds, ended) in enumerate(cuts):
        check_after_cut(copy, rounds, ended, tmp_path / f"mounted-{number}")
