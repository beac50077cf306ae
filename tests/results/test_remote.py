"""A study on an S3 server that answers like AWS, on loopback: crash, lost disk, and on it goes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support import PYTHONPATH, TESTS
from support.killed_studies import check_tables, wait_for_rows
from support.waiting import HANG_S

from study.results import remote
from study.results.remote import (
    RemotePath,
    StorageCopy,
    StudiesDiffer,
    StudyIsDriven,
    fetch,
    open_storage,
)
from study.spec.errors import SettingError

TRIALS = 3


def start(folder: Path, uri: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            str(TESTS / "support" / "toy_study.py"),
            str(folder),
            str(TRIALS),
            "tpe",
            uri,
        ],
        env={
            **os.environ,
            "TOY_ROUND_S": "0.3",
            "PYTHONPATH": PYTHONPATH,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_lost_disk(s3, tmp_path):
    """The driver is killed and its disk is gone: the study goes on from the bucket alone."""
    folder, uri = tmp_path / "lost", "s3://studies/all"
    process = start(folder, uri)
    wait_for_rows(folder, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    shutil.rmtree(folder)
    process = start(folder, uri)
    output, _ = process.communicate(timeout=HANG_S)
    assert "status finished" in output, output
    check_tables(folder, TRIALS)
    assert len(json.loads((folder / "study.json").read_text())["sessions"]) == 2

    place = open_storage(uri) / "lost"
    files = place.files()
    assert ".driver" not in files
    for name in ("study.json", "trials.csv", "history.csv", "study.db"):
        assert place.read(name) == (folder / name).read_bytes(), name
    # the kill may have left older ones of trials that had ended, and some of trials on no record
    history = pd.read_csv(folder / "history.csv", dtype={"trial_id": str})
    newest = history.groupby("trial_id").checkpoint.last()
    assert len(newest) == TRIALS
    for trial, checkpoint in newest.items():
        assert f"ray/{trial}/{checkpoint}/state.json" in files


def test_the_endpoint_may_stand_in_the_uri(s3, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    address = s3.removeprefix("http://")
    place = open_storage(f"s3://studies/by-uri?endpoint_override={address}&scheme=http")
    place.try_out()
    assert not place.files()


def test_credentials_are_not_taken_from_a_uri():
    with pytest.raises(SettingError) as caught:
        open_storage("s3://key:secret@studies/all")
    assert "secret" not in str(caught.value).replace("without credentials", "")


def test_two_drivers(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "BEAT_S", 0.1)
    place = RemotePath.local(tmp_path / "study")
    with StorageCopy(place, print), pytest.raises(StudyIsDriven):
        StorageCopy(place, print)
    with StorageCopy(place, print):  # the first has ended
        pass


def test_a_storage_that_is_gone_at_the_end_is_told_and_fails_nothing(tmp_path):
    folder, place, warnings = tmp_path / "study", tmp_path / "storage", []
    folder.mkdir()
    with StorageCopy(RemotePath.local(place), warnings.append) as copy:
        copy.follow(folder)
        shutil.rmtree(place)
        place.write_text("a file in its place")
        (folder / "study.json").write_text("{}")
    assert warnings[-1].startswith("the storage lacks the last results, which --resume copies: ")


def test_a_trial_that_ends_meanwhile_ends_in_the_copy_with_its_last_evaluation(
    tmp_path, monkeypatch
):
    """The driver may be lost after any copy: no table may tell of what the other has not."""
    folder, place = tmp_path / "study", tmp_path / "storage"
    (folder / "ray").mkdir(parents=True)
    for name in ("study.json", "history.csv", "trials.csv", "ray/result.json"):
        (folder / name).write_text("{}\n" if name == "study.json" else "before\n")

    def evaluation_comes(name):
        for table in ("history.csv", "trials.csv"):  # in the order of the engine
            with (folder / table).open("a") as file:
                file.write("ended\n")
        copied(name)

    with StorageCopy(RemotePath.local(place), print) as copy:
        copied = copy._copy
        monkeypatch.setattr(copy, "_copy", evaluation_comes)
        copy._folder = folder
        copy.push()
        seen = {table: (place / table).read_text() for table in ("history.csv", "trials.csv")}
    assert seen["trials.csv"] == "before\n"
    assert seen["history.csv"].startswith("before\n")


def test_the_newer_side_wins_and_none_is_overwritten(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, rows in ((ours, "a\n"), (theirs, "a\nb\n")):
        folder.mkdir()
        (folder / "study.json").write_text("{}")
        (folder / "history.csv").write_text(rows)
    assert fetch(RemotePath.local(theirs), ours)
    assert (ours / "history.csv").read_text() == "a\nb\n"
    (ours / "history.csv").write_text("a\nb\nc\n")
    assert not fetch(RemotePath.local(theirs), ours)
    (theirs / "history.csv").write_text("a\nb\nd\n")
    with pytest.raises(StudiesDiffer):
        fetch(RemotePath.local(theirs), ours)


def test_a_study_that_was_fetched_in_part_is_fetched_again(tmp_path, monkeypatch):
    """Where ``study.json`` is, all is: it comes last."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    for name in ("study.json", "history.csv", "trials.csv"):
        (theirs / name).write_text("{}\n")
    with monkeypatch.context() as patch:
        read = RemotePath.read

        def cut_off(self, name):
            if name == "trials.csv":
                raise OSError("the network is gone")
            return read(self, name)

        patch.setattr(RemotePath, "read", cut_off)
        with pytest.raises(OSError, match="the network is gone"):
            fetch(RemotePath.local(theirs), ours)
    assert not (ours / "study.json").exists()
    assert fetch(RemotePath.local(theirs), ours)
    assert {path.name for path in ours.iterdir()} == {"study.json", "history.csv", "trials.csv"}
