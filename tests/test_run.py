"""``python study/run.py`` as a user types it: a real process, a real Ray."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from PIL import Image

from study.run import main

ROOT = Path(__file__).parents[1]

TINY = ("--num-samples", "3", "--max-epochs", "2", "--train-size", "200", "--dip-steps", "3")

FILES = {
    *("study.json", "trials.csv", "history.csv", "pareto.csv", "best.json", "study.db"),
    *("dashboard.html", "samples", "ray"),
}


def start(*flags: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "study" / "run.py"), *flags]
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def load(folder: Path):
    info = json.loads((folder / "study.json").read_text())
    trials, history = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "history.csv")
    mirror = optuna.load_study(study_name=info["name"], storage=f"sqlite:///{folder / 'study.db'}")
    return info, trials, history, mirror


def test_the_whole_path(tmp_path):
    process = start(*TINY, "--name", "tiny", cwd=tmp_path)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    folder = tmp_path / "results" / "tiny"
    assert "DIP→DDPM on digits: 3 trials of up to 2 epochs" in output
    assert "open results/tiny/dashboard.html" in output
    assert "Traceback" not in output

    assert {path.name for path in folder.iterdir()} == FILES
    info, trials, history, mirror = load(folder)
    assert info["status"] == "finished"
    assert info["settings"]["run"]["dip_steps"] == 3
    assert len(trials) == len(mirror.trials) == 3
    assert set(trials.status) <= {"completed", "stopped"}
    assert len(history) == trials.epoch.sum()  # evaluated at each of the two epochs
    assert "FID floor (real against real) " in output  # beside the best score
    # Ray has a time_total_s of its own, which must not take the place of ours
    assert trials.time_total_s.tolist() == pytest.approx(trials.dip_time_s + trials.train_time_s)
    # the report's settings are tried first
    assert list(trials.dip_lr) == [1e-3] * 3
    assert sorted(trials["std"]) == [0.8, 1.0, 1.2]
    for trial in trials.trial_id:
        for stage in ("noisy", "restored", "prior", "samples"):
            Image.open(folder / "samples" / trial / f"{stage}.png").verify()
    assert os.readlink(tmp_path / "results" / "latest") == "tiny"
    assert str(tmp_path) not in (folder / "study.json").read_text()


def test_the_best_trial_runs_again_to_the_same_score(tmp_path):
    process = start(*TINY, "--num-samples", "1", "--name", "one", cwd=tmp_path)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    best = json.loads((tmp_path / "results" / "one" / "best.json").read_text())
    command = best["command"].replace(" python ", f" {sys.executable} ")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    again = json.loads((tmp_path / "run" / "records.jsonl").read_text().splitlines()[-1])
    for name in ("fid", "kid", "loss", "dip_psnr", "precision"):
        assert again[name] == best["metrics"][name], name


def test_ctrl_c_leaves_readable_results(tmp_path):
    process = start("--num-samples", "30", "--name", "cut", cwd=tmp_path)
    folder = tmp_path / "results" / "cut"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        history = folder / "history.csv"
        if history.exists() and len(history.read_text().splitlines()) > 2:
            break
        time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, Ray's processes included
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    info, trials, history, mirror = load(folder)
    assert info["status"] == "interrupted"
    assert "interrupted" in set(trials.status)
    assert not set(trials.status) & {"running"}
    assert not [trial for trial in mirror.trials if not trial.state.is_finished()]
    assert set(history.trial_id) <= set(trials.trial_id)
    assert (folder / "dashboard.html").exists()


def test_real_mnist(mnist_dir, tmp_path):
    process = start(
        *("--dataset", "mnist", "--data-dir", os.path.relpath(mnist_dir, tmp_path)),
        *("--num-samples", "1"),
        *("--max-epochs", "1", "--train-size", "128", "--dip-steps", "2", "--name", "mnist"),
        cwd=tmp_path,
    )
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "128 training images" in output
    folder = tmp_path / "results" / "mnist"
    assert {path.name for path in folder.iterdir()} == FILES
    assert load(folder)[1].features[0].startswith("mnist-features-v1@")
    assert str(mnist_dir) not in (folder / "study.json").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num-samples", "0"], "--num-samples is 0; expected at least 1"),
        (["--std", "1.2", "0.8"], "--std is 1.2 0.8; expected LO HI with 0 < LO < HI"),
        (["--dip-lr", "0", "1"], "--dip-lr is 0 1; expected LO HI with 0 < LO < HI"),
        (["--ddpm-lr", "nan", "1"], "--ddpm-lr is nan 1; expected LO HI"),
        (["--preset", "huge"], "--preset: invalid choice: 'huge'"),
        (["--dataset", "cats"], "--dataset: invalid choice: 'cats'"),
        (["--dataset", "mnist", "--data-dir", "/nowhere"], "MNIST is not in /nowhere"),
        (["--name", "a/b"], "--name is a/b; expected"),
        (["--name", ".."], "--name is ..; expected"),
        (["--name", ""], "--name is ; expected"),
        (["--max-epochs", "0"], "--max-epochs is 0; expected at least 1"),
        (["--grace-period", "37"], "--grace-period is 37; expected at most 36, --max-epochs"),
        (["--reduction-factor", "1"], "--reduction-factor is 1.0; expected above 1"),
        (["--objectives", "fid,beauty"], "--objectives is fid,beauty; expected one or more of"),
        (["--objectives", "fid,fid"], "--objectives is fid,fid; expected one or more of"),
        (["--train-size", "100"], "--train-size is 100; expected at least 128, a batch"),
        (["--seed", "-1"], "--seed is -1; expected 0 to 4294967295"),
        (["--data-dir", "/nowhere"], "--data-dir is /nowhere; expected none"),
        (["--name", "latest"], "--name is latest; expected at most 100"),
        (["--gpus-per-trial", "1.5"], "--gpus-per-trial is 1.5; expected a share"),
        (["--train-size", "2000"], "--train-size is 2000; expected at most 1000 for digits"),
        (["--cpus-per-trial", "1000"], "--cpus-per-trial is 1000.0; expected at most"),
        (["--gpus-per-trial", "9"], "--gpus-per-trial is 9.0; expected at most"),
        (["--max-concurrent", "0"], "--max-concurrent is 0; expected at least 1"),
        (["--dip-steps", "0"], "--dip-steps is 0; expected at least 1"),
        (["--resume"], "unrecognized arguments: --resume"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_nothing(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*flags, "--results-dir", str(tmp_path / "results")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_an_existing_name_is_refused_and_untouched(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "trials.csv").write_text("precious")
    with pytest.raises(SystemExit) as caught:
        main(["--name", "mine", "--results-dir", str(tmp_path)])
    assert caught.value.code == 2
    assert "--name is mine; expected a new name" in capsys.readouterr().err
    assert (tmp_path / "mine" / "trials.csv").read_text() == "precious"


def test_a_results_folder_that_cannot_be_written(tmp_path, capsys):
    """A file in its place; permissions would not stop root, as which CI may run."""
    (tmp_path / "results").write_text("a file")
    with pytest.raises(SystemExit) as caught:
        main(["--results-dir", str(tmp_path / "results")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert f"--results-dir is {tmp_path / 'results'}; cannot write" in error
    assert error.count("\n") == 1
