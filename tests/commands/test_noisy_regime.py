"""A study of the noisy regime: no clean image chooses, and clean images judge at the end."""

import dataclasses
import functools
import json

import pandas as pd
import pytest
from rich.console import Console
from support.poisoned_images import train

from dipddpm.feature_store import load_features
from dipddpm.pipeline import dataset_of
from study.cluster.capacity import this_machine
from study.commands.search import main
from study.engine.runner import run_study
from study.problem.definition import describe
from study.problem.settings import resolve
from study.results.folder import ResultsFolder
from study.results.records import load_study

FLAGS = {"regime": "noisy", "dataset": "digits", "objectives": "fid_corrupted", "max_concurrent": 1}


def searched(folder, tiny, is_poisoned):
    """The record of ten trials of a second, the last two of which the sampler proposes by score."""
    settings = resolve({**FLAGS, "num_samples": 10, "name": "noisy"}, this_machine())
    run = dataclasses.replace(
        tiny, regime="noisy", std=0.5, epochs=3, eval_every=1, dip_steps=2, dip_batch_size=16
    )
    settings = dataclasses.replace(settings, run=run)
    features = load_features(dataset_of(run))
    trainable = functools.partial(train, run_config=run, features=features, is_poisoned=is_poisoned)
    plan = dataclasses.replace(settings.plan, grace_period=1)
    problem = describe(settings)
    with ResultsFolder.create(folder, plan.name, problem, {}) as results:
        run_study(problem, trainable, plan, results, console=Console(quiet=True))
    return load_study(results.path)


@pytest.mark.slow
def test_the_search_is_the_same_whatever_the_clean_images_are(ray_local, tmp_path, tiny):
    """Proposals, early stopping and the best: the same noisy images under other clean ones."""
    one, other = (searched(tmp_path / f"{poison}", tiny, poison) for poison in (False, True))

    def story(study):
        return [
            (trial.parameters, trial.status, trial.resource, trial.metrics["fid_corrupted"])
            for trial in study.trials
        ]

    assert story(one) == story(other)
    assert {trial.status for trial in one.trials} == {"completed", "stopped"}
    assert one.best.parameters == other.best.parameters
    assert one.best.metrics["fid"] != other.best.metrics["fid"]


@pytest.mark.slow
def test_noisy_images_choose_and_clean_ones_judge(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    size = ("--dataset", "digits", "--max-epochs", "1", "--train-size", "128", "--dip-steps", "2")
    few = ("--num-samples", "3", "--confirm-seeds", "2", "--name", "noisy")
    assert main(["--regime", "noisy", *size, *few]) == 0
    folder = tmp_path / "results" / "noisy"
    assert json.loads((folder / "best.json").read_text())["objective"] == "fid_corrupted"
    for part in (folder, folder / "baseline"):
        trials = pd.read_csv(part / "trials.csv").query("status == 'completed'")
        assert load_study(part).best.trial_id == trials.trial_id[trials.fid_corrupted.idxmin()]
    verdict = json.loads((folder / "verdict.json").read_text())
    assert (verdict["chosen_by"], verdict["judged_by"]) == ("fid_corrupted", ["fid", "fid_second"])
    assert verdict["pairs"][0]["judgements"][0]["metric"] == "fid"
    words = "chosen by FID with noise, against noisy images (fid_corrupted) and are judged by FID"
    assert words in " ".join(capsys.readouterr().out.split())
    assert words in (folder / "dashboard.html").read_text()
