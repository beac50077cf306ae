"""The examples as a user runs them: from a folder of one's own."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from PIL import Image
from support import ROOT

import study


def run(name: str, place: Path) -> str:
    """What an example prints, run in ``place``."""
    command = [sys.executable, str(ROOT / "examples" / name)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_in_ten_lines(tmp_path):
    output = run("library.py", tmp_path)
    assert "epoch 6: FID " in output
    with Image.open(tmp_path / "overview.png") as picture:
        assert picture.width > 100


def test_the_engine_with_a_problem_of_ones_own(tmp_path):
    output = run("own_problem.py", tmp_path)
    folder = tmp_path / "results" / "classifier"
    trials = pd.read_csv(folder / "trials.csv")
    assert set(trials.status) <= {"completed", "stopped"}
    assert len(trials) == 12
    best = json.loads((folder / "best.json").read_text())
    assert best["metrics"]["accuracy"] == trials[trials.status == "completed"].accuracy.max() > 0.8
    assert f"accuracy {best['metrics']['accuracy']:.3f}" in output
    loaded = study.load_study(folder)
    assert [trial.status for trial in loaded.front] == ["completed"] * len(loaded.front)
    assert study.plots.tradeoff(loaded).data
    assert "A classifier of handwritten digits" in (folder / "dashboard.html").read_text()


def test_every_public_name_of_the_study_can_be_loaded():
    for name in study.__all__:
        assert getattr(study, name) is not None
