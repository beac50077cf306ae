"""The examples as a user runs them: from a folder of one's own."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from support import ROOT
from support.tiny_run import TINY
from support.waiting import HANG_S

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_notebook_shows_a_study_of_its_own(tmp_path):
    """As on Kaggle, where no Colab is; with fewer and shorter trials."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    import nbformat

    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    (flags,) = (cell for cell in notebook.cells if cell.source.startswith("FLAGS = "))
    assert "--num-samples 10 " in flags.source
    short = " ".join((*TINY[3:], "--max-epochs", "2"))  # without the command and the data set
    flags.source = f"FLAGS = '--dataset digits --num-samples 2 --confirm-top 0 {short}'"
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, resources=place, timeout=HANG_S).execute()
    shown = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("application/vnd.plotly.v1+json" in data for data in shown) == 2
    assert any("image/png" in data for data in shown)
    assert "results/notebook/dashboard.html" in shown[-1]["text/html"]
    assert (tmp_path / "results" / "notebook" / "dashboard.html").exists()
