"""A study that version 0.1 began and Ctrl-C interrupted is resumed by this version.

``study-0.1.tar.gz`` holds what version 0.1.0 left of this command, interrupted in its third trial
(without the page, the copies of images for Optuna, and what Ray kept of the trials that had ended):

    python study/run.py --num-samples 3 --max-epochs 3 --train-size 64 --dip-steps 3 --prior dip
        --space extended --dip-lr 0.0002 0.0004 --sampler random --seed 1 --scheduler none
        --max-concurrent 1 --confirm-seeds 2 --name old

The flags make that trial's networks, and with them its checkpoint, small.
"""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from support import ROOT

ARCHIVE = Path(__file__).with_name("study-0.1.tar.gz")


def read(table: Path) -> pd.DataFrame:
    """Return a table with every value as it is written."""
    return pd.read_csv(table, dtype=str, keep_default_na=False)


@pytest.mark.slow
def test_a_study_of_version_0_1_is_resumed(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "old"
    before = read(folder / "history.csv")
    trials = read(folder / "trials.csv")
    assert json.loads((folder / "study.json").read_text())["versions"]["dip-ddpm-study"] == "0.1.0"
    assert trials.status.tolist() == ["completed", "completed", "interrupted"]
    assert before.epoch.tolist() == ["1", "2", "3", "1", "2", "3", "1"]

    command = [sys.executable, ROOT / "study" / "run.py", "--resume", "old"]
    done = subprocess.run(
        [*command, "--results-dir", tmp_path], cwd=tmp_path, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Traceback" not in output

    after = read(folder / "trials.csv")
    assert after.trial_id.tolist() == trials.trial_id.tolist()
    assert after.status.tolist() == ["completed"] * 3
    history = read(folder / "history.csv")
    pd.testing.assert_frame_equal(history[before.columns][: len(before)], before)
    assert {name: rows.epoch.tolist() for name, rows in history.groupby("trial_id")} == {
        name: ["1", "2", "3"] for name in trials.trial_id
    }
    conditions = set(read(folder / "confirm.csv").condition)
    assert conditions >= {"the best trial", "the original setting"}
    assert (folder / "dashboard.html").exists()


def test_the_archive_names_no_place_of_the_machine_that_made_it():
    with tarfile.open(ARCHIVE) as archive:
        members = archive.getmembers()
        assert {(member.uname, member.uid) for member in members} == {("", 0)}
        for member in members:
            if file := archive.extractfile(member):
                content = file.read()
                for place in (b"/tmp/", b"/home/", b"/root/", b"/Users/"):
                    assert place not in content, (member.name, place)
