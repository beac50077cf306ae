"""A second clone runs its own code, in the driver and in the workers, whatever is installed."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
from support import ROOT
from support.tiny_run import SMALL


def replace_in(file, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_second_clone_runs_its_own_code(tmp_path):
    clone = tmp_path / "clone"
    for package in ("dipddpm", "study"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, clone / package, ignore=ignored)
    replace_in(
        clone / "study" / "problem" / "definition.py",
        'title=f"DIP→DDPM',
        'title=f"Clone of DIP→DDPM',
    )
    reporting = clone / "study" / "engine" / "reporting.py"
    replace_in(reporting, "METRICS: dict(metrics)", 'METRICS: {**metrics, "loss": 12345.0}')

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    elsewhere = {"cwd": tmp_path, "env": environment, "check": True, "capture_output": True}
    where = [sys.executable, "-c", "import study; print(study.__file__)"]
    installed = subprocess.run(where, text=True, **elsewhere).stdout
    assert str(clone) not in installed  # another checkout is

    flags = ("--num-samples", "1", "--confirm-top", "0", "--name", "x", "--prior", "none")
    size = ("--dataset", "digits", "--max-epochs", "1", "--train-size", "128", "--dip-steps", "1")
    command = [sys.executable, str(clone / "study" / "run.py"), *flags, *size, *SMALL]
    subprocess.run(command, **elsewhere)
    folder = tmp_path / "results" / "x"
    title = json.loads((folder / "study.json").read_text())["problem"]["title"]
    assert title.startswith("Clone of DIP→DDPM")  # the driver
    assert pd.read_csv(folder / "trials.csv").loss.tolist() == [12345.0]  # the worker
