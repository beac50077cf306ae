"""What is installed holds all that is shipped."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from dipddpm.data import load_dataset

ROOT = Path(__file__).parents[1]

BUILD = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"

LOAD = (
    "from dipddpm.data import load_dataset; from dipddpm.feature_store import load_features; "
    "data = load_dataset('mnist-small'); print(data.hash, load_features(data).hash)"
)


def run(code: str, folder: Path) -> list[str]:
    """Run Python in a folder, with the packages there; return the words of its last line."""
    command = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_a_wheel_holds_the_bundled_images_and_their_features(tmp_path):
    tree, installed = tmp_path / "tree", tmp_path / "installed"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("dipddpm", "study"):
        shutil.copytree(ROOT / name, tree / name)
    (wheel,) = run(BUILD, tree)
    with zipfile.ZipFile(tree / wheel) as file:
        names = set(file.namelist())
        file.extractall(installed)
    shipped = [*(ROOT / "dipddpm" / "bundled").iterdir(), *(ROOT / "dipddpm" / "weights").iterdir()]
    assert {str(file.relative_to(ROOT)) for file in shipped} <= names
    images, _ = run(LOAD, installed)
    assert images == load_dataset("mnist-small").hash
