"""Ctrl-C and SIGTERM: one line, a status, and a run that goes on exactly."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support import PYTHONPATH, tiny_run

from dipddpm.__main__ import main
from dipddpm.checkpoint import STATE_FILE
from dipddpm.data import load_dataset
from dipddpm.interruption import Hold, Interrupted, interruptible

TINY = (*tiny_run.TINY, "--epochs", "4", "--eval-every", "2")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    torch.set_num_threads(1)  # as in the tests: sums keep one order
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main([*TINY, "--out", str(out)]) == 0
    return out


def untimed(out: Path) -> list[dict]:
    rows = map(json.loads, (out / "records.jsonl").read_text().splitlines())
    return [{k: v for k, v in row.items() if not k.endswith("_s")} for row in rows]


def interrupt_at(monkeypatch, stage: str, done: int, number: int) -> None:
    """Have a signal come while a step is under way."""
    import dipddpm.__main__ as command

    update = command.Progress.update

    def show(bar, task, completed=None, **more):
        update(bar, task, completed=completed, **more)
        if bar.tasks[task].description == stage and completed == done:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(command.Progress, "update", show)


@pytest.mark.parametrize(
    ("stage", "done", "number"),
    [
        ("dip", 2, signal.SIGINT),  # the signal waits for a whole step
        ("dip", 4, signal.SIGTERM),
        ("ddpm", 1, signal.SIGTERM),
        ("ddpm", 4, signal.SIGINT),  # before the last evaluation
    ],
)
def test_an_interrupted_and_resumed_run_is_the_uninterrupted_one(
    stage, done, number, whole, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, stage, done, number)
        assert main([*TINY, "--out", str(out)]) == 128 + number
    said = capsys.readouterr().err
    assert said == f"interrupted; python -m dipddpm run --resume {out} goes on\n"
    assert (out / STATE_FILE).exists()
    assert (out / "weights.safetensors").exists() == (stage == "ddpm" and done > 1)

    assert main(["run", "--resume", str(out)]) == 0
    ours, theirs = (load_file(each / "weights.safetensors") for each in (out, whole))
    assert all(torch.equal(value, ours[name]) for name, value in theirs.items())
    assert untimed(out) == untimed(whole)
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}


def test_a_finished_run_no_run_and_settings_of_ones_own_are_refused(whole, tmp_path, capsys):
    cases = {
        f"--resume is {whole}; expected a run that is not finished": ["--resume", str(whole)],
        f"--resume is {tmp_path}; expected a run's folder": ["--resume", str(tmp_path)],
        "--epochs is 9; expected none": ["--resume", str(whole), "--epochs", "9"],
        "--preset is original; expected none": ["--resume", str(whole), "--preset", "original"],
        "--out is x; expected none": ["--resume", str(whole), "--out", "x"],
    }
    before = {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}
    for message, flags in cases.items():
        with pytest.raises(SystemExit) as caught:
            main(["run", *flags])
        error = capsys.readouterr().err
        assert caught.value.code == 2
        assert message in error
        assert error.count("\n") == 1
    assert before == {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}


def test_a_signal_waits_for_a_good_moment_and_a_second_one_does_not():
    hold = Hold()
    hold.release()
    hold.holds = True
    hold(signal.SIGINT, None)
    with pytest.raises(Interrupted):
        hold.release()
    with pytest.raises(Interrupted):
        hold(signal.SIGTERM, None)


def test_signals_are_as_before_afterwards():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught, interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_status == 143
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_torch_is_loading_is_one_line(number, tmp_path):
    """A finder that is asked for torch first sends the signal."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Find:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Find())\n"
    )
    path = os.pathsep.join([str(tmp_path), PYTHONPATH])
    done = subprocess.run(
        [sys.executable, "-m", "dipddpm", *TINY, "--out", str(tmp_path / "run")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + number
    assert re.fullmatch(r"interrupted\n", done.stderr)


def test_a_run_does_not_go_on_with_other_images(whole, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, "ddpm", 2, signal.SIGINT)
        main([*TINY, "--out", str(out)])
    capsys.readouterr()
    digits = load_dataset("digits", train_size=96)
    other = dataclasses.replace(digits, test=digits.start)
    monkeypatch.setattr("dipddpm.pipeline.load_dataset", lambda *_: other)
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--resume", str(out)])
    assert "digits holds other images than the run began with" in capsys.readouterr().err
