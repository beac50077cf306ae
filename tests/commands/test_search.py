"""``python study/run.py`` as a user types it: a real process, a real Ray."""

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import optuna
import pandas as pd
import pytest
from PIL import Image
from support import ROOT
from support.killed_studies import wait_for_rows
from support.tiny_run import SMALL
from support.waiting import HANG_S

from study.commands.search import main
from study.results.folder import ResultsFolder
from study.results.usage import hours_of_study
from study.spec.problem import Problem

FILES = {
    *("study.json", "trials.csv", "history.csv", "pareto.csv", "best.json", "study.db"),
    *("dashboard.html", "samples", "artifacts", "ray"),
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


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def load(folder: Path):
    info = json.loads((folder / "study.json").read_text())
    trials, history = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "history.csv")
    export = optuna.load_study(study_name=info["name"], storage=f"sqlite:///{folder / 'study.db'}")
    return info, trials, history, export


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A smoke test, which is a tiny study with its confirmation: where it is and what it said."""
    place = tmp_path_factory.mktemp("done")
    process = start("--smoke-test", "--name", "tiny", cwd=place)
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, output
    return place, output


def test_the_whole_path(done):
    place, output = done
    folder = place / "results" / "tiny"
    title = "DIP→DDPM on digits (a smoke test: its figures mean nothing)"
    assert f"{title}: 3 trials of up to 2 epochs" in output
    assert output.count("its figures mean nothing") == 2  # the last words as well
    assert f"<h1>{title}</h1>" in (folder / "dashboard.html").read_text()
    assert "open results/tiny/dashboard.html" in output
    assert "Traceback" not in output

    assert files_of(folder) == FILES | {"confirm.csv", "verdict.json", "baseline", "confirm"}
    info, trials, history, export = load(folder)
    assert info["status"] == "finished"
    assert info["settings"]["run"]["dip_steps"] == 3
    assert len(trials) == len(export.trials) == 3
    assert set(trials.status) <= {"completed", "stopped"}
    assert len(history) == trials.epoch.sum()  # evaluated at each of the two epochs
    assert "FID floor (real against real) " in output  # beside the best score

    # what it would use is said before the first trial, and stands beside what it has used
    said = re.search(r"to be used: about ([\d.]+) core hours, at most ([\d.]+) core hours", output)
    cost = info["cost"]
    assert [float(f"{cost[name]:.2g}") for name in ("expected", "most")] == [
        float(number) for number in said.groups()
    ]
    assert cost["used"] == pytest.approx(hours_of_study(folder), abs=1e-6)
    assert cost["used"] > trials.held_s.sum() / 3600  # those of the confirmation are in it
    assert f"used: {cost['used']:.2g} core hours; expected" in output
    # Ray has a time_total_s of its own, which must not take the place of ours
    assert trials.time_total_s.tolist() == pytest.approx(trials.dip_time_s + trials.train_time_s)
    # the original's settings are tried first
    assert list(trials.dip_lr) == [1e-3] * 3
    assert sorted(trials["std"]) == [0.8, 1.0, 1.2]
    for trial in trials.trial_id:
        for stage in ("noisy", "restored", "prior", "samples"):
            Image.open(folder / "samples" / trial / f"{stage}.png").verify()
    assert os.readlink(place / "results" / "latest") == "tiny"


def test_the_best_trial_runs_again_to_the_same_score(done, tmp_path):
    best = json.loads((done[0] / "results" / "tiny" / "best.json").read_text())
    command = best["command"].replace(" python ", f" {sys.executable} ")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    again = json.loads((tmp_path / "run" / "records.jsonl").read_text().splitlines()[-1])
    for name in ("fid", "kid", "loss", "dip_psnr", "precision"):
        assert again[name] == best["metrics"][name], name


@pytest.mark.slow
def test_real_mnist(mnist_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images = ("--dataset", "mnist", "--data-dir", os.path.relpath(mnist_dir, tmp_path))
    few = ("--num-samples", "1", "--confirm-top", "0", "--name", "mnist")
    size = ("--max-epochs", "1", "--train-size", "128", "--dip-steps", "2", *SMALL)
    assert main([*images, *few, *size]) == 0
    assert "128 training images" in capsys.readouterr().out
    folder = tmp_path / "results" / "mnist"
    assert files_of(folder) == FILES
    assert load(folder)[1].features[0].startswith("mnist-features-v1@")
    assert str(mnist_dir) not in (folder / "study.json").read_text()


def test_an_existing_name_is_refused_and_untouched(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "trials.csv").write_text("precious")
    with pytest.raises(SystemExit) as caught:
        main(["--name", "mine", "--results-dir", str(tmp_path)])
    assert caught.value.code == 2
    assert "--name is mine; expected a new name" in capsys.readouterr().err
    assert (tmp_path / "mine" / "trials.csv").read_text() == "precious"


def test_the_confirmation(done):
    place, output = done
    folder = place / "results" / "tiny"
    assert "for the runs that confirm" in output  # it was said before
    verdict = json.loads((folder / "verdict.json").read_text())
    assert f"verdict: {verdict['text']}" in output
    assert verdict["looks"] == [2]
    lead = verdict["pairs"][0]
    assert (lead["condition"], lead["baseline"]) == ("the best trial", "no prior, tuned")
    assert verdict["judged_by"] == ["fid", "fid_second"]
    for judgement in lead["judgements"]:
        assert judgement["quality"]["seeds"] == [1001, 1002]
        assert judgement["quality"]["effect"]["n"] == 2
        assert judgement["quality"]["direction"] == "open"  # of two seeds nothing follows
    assert [pair["are_twins"] for pair in verdict["pairs"] if "as " in pair["baseline"]]
    table = pd.read_csv(folder / "confirm.csv")
    assert set(table.metric) >= {"fid", "fid at equal time", "failed seeds", "time_per_iteration_s"}
    runs = pd.read_csv(folder / "confirm" / "trials.csv")
    info = json.loads((folder / "confirm" / "study.json").read_text())
    assert len(runs) == 2 * len(info["conditions"])
    assert set(runs.status) == {"completed"}
    assert sorted(set(runs.seed)) == [1001, 1002]  # not the seeds of a search
    assert set(runs.prior) == {"restorer", "none"}
    best = json.loads((folder / "best.json").read_text())
    found = {name: about["parameters"] for name, about in info["conditions"].items()}
    assert found["the best trial"] == {**best["parameters"], "prior": "restorer"}
    original = found["the original setting"]
    assert (original["dip_lr"], original["ddpm_lr"], original["std"]) == (1e-3, 5e-4, 1.0)
    # a search of its own for the baseline, which has tried the best trial's learning rate
    baseline = pd.read_csv(folder / "baseline" / "trials.csv")
    assert len(baseline) >= len(pd.read_csv(folder / "trials.csv"))  # tuned as hard
    assert best["parameters"]["ddpm_lr"] in set(baseline.ddpm_lr)
    assert list(baseline.columns).count("dip_lr") == 0
    tuned = baseline[baseline.status == "completed"].sort_values("fid").ddpm_lr.iloc[0]
    assert found["no prior, tuned"]["ddpm_lr"] == tuned
    for name in ("the best trial", "the original setting"):  # each has a twin, but for the prior
        twin = {**found[name], "prior": "none"}
        assert twin in found.values()
    # scored on other images than the search: the floor is another one
    search = pd.read_csv(folder / "trials.csv")
    assert set(runs.fid_floor).isdisjoint(search.fid_floor)
    names = optuna.get_all_study_names(f"sqlite:///{folder / 'study.db'}")
    assert sorted(names) == ["tiny", "tiny-baseline", "tiny-confirm"]
    page = (folder / "dashboard.html").read_text()
    assert verdict["text"] in html.unescape(page)
    alone = f"DDPM learning rate {tuned:.3g}, prior none"  # without what belongs to a prior
    assert f'<p class="soft">{alone}</p>' in page
    for name in ("dashboard.html", "study.json", "confirm/study.json", "trials.csv"):
        text = (folder / name).read_text()
        assert str(place) not in text, name
        assert f'"{socket.gethostname()}"' not in text, name


def test_what_has_ended_is_not_run_again(done, capsys):
    place, _ = done
    folder = place / "results" / "tiny"
    paths = [folder / part / "trials.csv" for part in (".", "baseline", "confirm")]
    before = [path.read_bytes() for path in paths]
    assert main(["--resume", "tiny", "--results-dir", str(folder.parent)]) == 0
    assert "resumed: 3 have ended, 0 go on where they were" in capsys.readouterr().out
    assert [path.read_bytes() for path in paths] == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_goes_on_under_its_own_name_and_then_under_another(done, tmp_path, capsys):
    """Wherever it was copied or renamed to, with all its parts; what it is a copy of stays."""
    original = done[0] / "results" / "tiny"
    before = contents(original)
    results = tmp_path / "elsewhere"
    shutil.copytree(original, results / "copy")
    for name in ("copy", "renamed"):
        folder = results / name
        if not folder.exists():
            (results / "copy").rename(folder)
        assert main(["--resume", name, "--results-dir", str(results)]) == 0
        assert f"open {folder / 'dashboard.html'}" in capsys.readouterr().out
        assert json.loads((folder / "study.json").read_text())["name"] == name
        assert f"<title>{name}" in (folder / "dashboard.html").read_text()
        names = optuna.get_all_study_names(f"sqlite:///{folder / 'study.db'}")
        assert sorted(names) == [name, f"{name}-baseline", f"{name}-confirm"]
        assert os.readlink(results / "latest") == name
        for part in ("", "baseline", "confirm"):
            expected = pd.read_csv(original / part / "trials.csv")
            pd.testing.assert_frame_equal(pd.read_csv(folder / part / "trials.csv"), expected)
    assert contents(original) == before


def test_latest_that_is_a_folder_hinders_nothing(done, tmp_path, capsys):
    """A copy that followed links has made it one. It is no study to resume, and stays as it is."""
    results = tmp_path / "results"
    shutil.copytree(done[0] / "results", results)  # follows links
    before = contents(results / "latest")
    for flags in (["--resume"], ["--resume", "latest"]):
        with pytest.raises(SystemExit):
            main([*flags, "--results-dir", str(results)])
        error = capsys.readouterr().err
        assert f"--resume is latest; expected one of tiny in {results}: " in error
        assert "is no link to the newest" in error
    assert main(["--resume", "tiny", "--results-dir", str(results)]) == 0
    line = f"{results / 'latest'} is no link to the newest study, but your own: it is left alone"
    assert line in capsys.readouterr().out
    assert contents(results / "latest") == before


def test_of_two_starts_of_one_name_the_second_is_refused(tmp_path, monkeypatch, capsys):
    """Though the name was free when it was checked."""
    results = tmp_path / "results"

    def meanwhile(*_):
        ResultsFolder.create(results, "mine", Problem("", (), (), (), "epoch", 1, "")).close()

    monkeypatch.setattr("study.commands.opening._check_nodes", meanwhile)
    with pytest.raises(SystemExit) as caught:
        main(["--name", "mine", "--results-dir", str(results)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    there = f"{results / 'mine'} exists; --resume mine goes on with it"
    assert f"--name is mine; expected a new name, {there}" in error
    assert error.count("\n") == 1


def test_a_study_of_a_storage_is_renamed_in_both_places_or_none(done, tmp_path, capsys):
    storage = tmp_path / "storage"
    shutil.copytree(done[0] / "results" / "tiny", storage / "tiny")
    shutil.copytree(done[0] / "results" / "tiny", tmp_path / "results" / "copy")
    before = contents(tmp_path)
    flags = ["--results-dir", str(tmp_path / "results"), "--storage-path", str(storage)]
    with pytest.raises(SystemExit):
        main(["--resume", "copy", *flags])
    there = "tiny, its name there; copy or rename it to copy there too, in --storage-path"
    assert f"--resume is copy; expected {there}" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_name_that_no_study_can_have(done, capsys):
    with pytest.raises(SystemExit):
        main(["--resume", "tiny (copy)", "--results-dir", str(done[0] / "results")])
    error = capsys.readouterr().err
    assert "--resume is tiny (copy); expected a folder whose name has at most 100 letters" in error


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train-size", "300"], "--train-size is 300; expected 200, with which the study began"),
        (["--std", "0.2", "1"], "--std is 0.2 to 1; expected 0.1 to 1.5, as so far, or"),
        (["--std", "1", "1"], "--std is not searched; expected 0.1 to 1.5, as so far"),
        (
            ["--std", "0.1", "2"],
            "--num-samples is 3; expected more than the study's 3 trials: only",
        ),
        (["--regime", "noisy"], "--regime is noisy; expected clean, with which the study began"),
        (["--prior", "none"], "--prior is none; expected restorer, with which the study began"),
        (["--max-epochs", "5"], "--max-epochs is 5; expected 2, with which the study began"),
        (["--objectives", "kid"], "--objectives is kid; expected fid time_per_iteration_s, with"),
        (["--seed", "1"], "--seed is 1; expected 0, with which the study began"),
        (["--space", "extended"], "--space is extended; expected original, with which"),
        (["--num-samples", "2"], "--num-samples is 2; expected at least 3, the trials that"),
        (["--name", "other"], "--resume is tiny; expected other, as --name says"),
        (["--storage-url", "sqlite:///a.db"], "--storage-url is sqlite:///a.db; expected none"),
    ],
)
def test_apples_and_pears_are_not_mixed(done, flags, message, capsys):
    results = done[0] / "results"
    before = (results / "tiny" / "study.json").read_bytes()
    with pytest.raises(SystemExit) as caught:
        main(["--resume", "tiny", "--results-dir", str(results), *flags])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (results / "tiny" / "study.json").read_bytes() == before


def test_a_name_that_is_not_there_is_told_with_those_that_are(done, capsys):
    with pytest.raises(SystemExit):
        main(["--resume", "gone", "--results-dir", str(done[0] / "results")])
    assert "--resume is gone; expected one of tiny in" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_and_resume_finish_what_was_begun(tmp_path, monkeypatch):
    """With a database of one's own, the noisy regime and the wider space."""
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    flags = ("--dataset", "digits", "--max-epochs", "3", "--train-size", "128", "--regime", "noisy")
    flags += ("--scored-images", "100")
    flags += ("--space", "extended", "--scheduler", "pareto-asha", "--sampler", "nsga2")
    flags += ("--num-samples", "4", "--confirm-top", "0", "--name", "cut", "--storage-url", url)
    process = start(*flags, cwd=tmp_path)
    folder = tmp_path / "results" / "cut"
    wait_for_rows(folder, 1, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, Ray's processes included
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "nsga2 will hardly learn from 4 trials: it takes 80" in output
    assert json.loads((folder / "study.json").read_text())["status"] == "interrupted"
    cut = pd.read_csv(folder / "trials.csv")
    assert "interrupted" in set(cut.status)
    assert "running" not in set(cut.status)
    assert set(pd.read_csv(folder / "history.csv").trial_id) <= set(cut.trial_id)
    exported = optuna.load_study(study_name="cut", storage=url)
    assert "RUNNING" not in {trial.state.name for trial in exported.trials}
    assert (folder / "dashboard.html").exists()
    monkeypatch.chdir(tmp_path)
    assert main(["--resume", "--storage-url", url]) == 0
    trials = pd.read_csv(folder / "trials.csv")
    assert len(trials) == 4
    assert set(trials.status) <= {"completed", "stopped"}
    assert {"dip_lr", "ddpm_lr", "dip_steps", "batch_size", "width", "sampler_steps"} <= set(trials)
    assert "std" not in trials  # of noisy images it is the problem, not a choice
    history = pd.read_csv(folder / "history.csv")
    epochs = history.groupby("trial_id").epoch.apply(list)
    assert all(e == [1, 3][: len(e)] for e in epochs)  # at the rung and the end
    assert not (folder / "study.db").exists()
    exported = optuna.load_study(study_name="cut", storage=url)
    assert {t.state.name for t in exported.trials} <= {"COMPLETE", "PRUNED"}
    assert len(exported.trials) == 4


@pytest.mark.slow
def test_a_study_goes_on_in_a_wider_range_and_another_starts_from_its_best(tmp_path):
    size = ("--dataset", "digits", "--max-epochs", "1", "--train-size", "128", "--dip-steps", "2")
    size = (*size, "--confirm-top", "0", *SMALL)
    (tmp_path / "points.csv").write_text("std,dip_lr,ddpm_lr\n0.3,0.003,0.0004\n")
    begun = ("--num-samples", "5", "--ddpm-lr", "1e-4", "6e-4", "--start-points", "points.csv")
    ended = start(*size, *begun, "--name", "a", cwd=tmp_path).communicate(timeout=HANG_S)[0]
    assert "known settings first: 1 given, 3 of the original report" in ended
    more = ("--num-samples", "6", "--ddpm-lr", "1e-4", "5e-3")
    process = start("--resume", "a", *more, cwd=tmp_path)
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, output
    assert "ddpm_lr: searched from 0.0001 to 0.0006 by the first 5 trials" in output
    info, trials, _, export = load(tmp_path / "results" / "a")
    assert info["settings"]["ddpm_lr"] == [1e-4, 5e-3]
    assert 0.0004 in set(trials.ddpm_lr[:2])  # two begin at once
    assert len(trials) == len(export.trials) == 6
    assert "points.csv" not in (tmp_path / "results" / "a" / "study.json").read_text()
    other = ("--start-from", "results/a", "--num-samples", "1", "--name", "b")
    process = start(*size, *other, cwd=tmp_path)
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, output
    best = json.loads((tmp_path / "results" / "a" / "best.json").read_text())["parameters"]
    assert load(tmp_path / "results" / "b")[1][list(best)].iloc[0].to_dict() == best
