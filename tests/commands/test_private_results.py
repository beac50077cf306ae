"""Results of a folder of images say nothing of the machine: every byte of them is looked at."""

import getpass
import json
import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import ROOT

FLAGS = (
    *("--image-size", "8", "--num-samples", "2", "--max-epochs", "2", "--dip-steps", "2"),
    *("--batch-size", "16", "--dip-batch-size", "16", "--scored-images", "10"),
    *("--confirm-seeds", "2", "--objectives", "precision,dip_psnr", "--cpus-per-trial", "1"),
)

FIELDS_OF_RAY = (b'"pid"', b'"hostname"', b'"node_ip"')


def run(*flags, cwd, **environment):
    command = [sys.executable, str(ROOT / "study" / "run.py"), *flags]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_results_hold_nothing_of_the_machine(tmp_path):
    """With names that URLs, templates and markup would take for their own, into an ASCII log."""
    folder = tmp_path / "telltale-user" / "{std} [b]my? 50% images#ü"
    rng = np.random.default_rng(0)
    for number in range(120):
        place = folder / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 80, (8, 8), dtype=np.uint8)
        pixels[:, :4] += 150 * (number % 2)
        Image.fromarray(pixels).save(place / f"{number}.png")
    home, work = tmp_path / "telltale-home", tmp_path / "telltale-work"
    home.mkdir()
    work.mkdir()
    environment = {"HOME": str(home), "PYTHONIOENCODING": "ascii", "XDG_CACHE_HOME": ""}
    results = "re?s%41ults#{std}[red]x y ü'\""
    places = ("--results-dir", results, "--name", "mine")
    run("--dataset", str(folder), *FLAGS, *places, cwd=work, **environment)

    telling = {b"telltale", str(tmp_path).encode(), *FIELDS_OF_RAY}
    telling |= {n.encode() for n in (socket.gethostname(), getpass.getuser()) if len(n) > 5}
    address = socket.gethostbyname(socket.gethostname())
    telling |= set() if address.startswith("127.") else {address.encode()}
    study = work / results / "mine"
    for path in study.rglob("*"):
        said = str(path.relative_to(study)).encode() + (
            path.read_bytes() if path.is_file() else b""
        )
        found = [word for word in telling if word in said]
        if path.name.endswith(".html"):
            found = [word for word in found if word not in FIELDS_OF_RAY]  # plotly.js has them
        assert not found, path
        assert not re.search(r"events\..*" + re.escape(socket.gethostname()), path.name)
    assert [path.name for path in work.iterdir()] == [results]  # nothing landed beside it
    best = json.loads((study / "best.json").read_text())
    assert f"PATH/TO/{folder.name}" in best["command"]

    # it knows its images all the same
    assert "resumed: 2 have ended" in run(
        *("--resume", "mine", "--results-dir", results), cwd=work, **environment
    )
