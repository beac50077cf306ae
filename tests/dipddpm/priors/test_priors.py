"""What holds for every prior: the registry, cut-off fits, and a prior added from outside."""

import dataclasses
import json
import re

import pytest
import torch
from torch.nn import functional as F

from dipddpm import PRIORS, ConfigError, Prior, Run, RunConfig
from dipddpm.__main__ import main
from dipddpm.priors import make_prior


class Stopped(Exception):
    """In place of a kill -9."""


class Blur(Prior):
    """A prior of one's own: a box blur, which needs no fit."""

    description = "images blurred over 3×3 pixels"

    def restore(self, images):
        return F.avg_pool2d(images, 3, stride=1, padding=1)


@pytest.fixture
def blur(monkeypatch):
    monkeypatch.setitem(PRIORS, "blur", Blur)


def test_an_unknown_prior_is_refused_with_the_known_ones(tiny):
    known = "expected restorer or dip or gaussian or tv or pca or none"
    with pytest.raises(ConfigError, match=f"prior is 'blur'; {known}"):
        RunConfig(prior="blur")
    unchecked = dataclasses.replace(tiny)
    object.__setattr__(unchecked, "prior", "blur")
    with pytest.raises(ConfigError, match=f"prior is 'blur'; {known}"):
        make_prior(unchecked, torch.zeros(96, 1, 8, 8))


def test_a_prior_from_outside_in_a_whole_run(tiny, tmp_path, blur):
    run = Run(dataclasses.replace(tiny, prior="blur"))
    records = run.records()
    first = next(records)
    blurred = F.avg_pool2d(run.dataset.train.images, 3, stride=1, padding=1)
    assert torch.equal(run.restoration.prior, blurred)
    assert first.dip_time_s > 0
    assert set(run.pictures()) == {"noisy", "restored", "prior", "samples"}
    run.save(tmp_path)
    again = Run.load(tmp_path)
    assert next(again.records()).scores["fid"] == next(records).scores["fid"]
    assert again.restoration.seconds == first.dip_time_s


def test_a_prior_from_outside_on_the_command_line(tmp_path, blur, capsys):
    few = [
        "--dataset",
        "digits",
        "--dip-steps",
        "2",
        "--epochs",
        "1",
        "--width",
        "8",
        "--sampler-steps",
        "2",
    ]
    assert main(["run", "--prior", "blur", *few, "--out", str(tmp_path / "run")]) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["prior"] == "blur"
    assert main(["restore", "--prior", "blur", "--out", str(tmp_path / "restored")]) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    help_text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"blur: images blurred over 3×3 pixels \(default: restorer\)", help_text)


NETWORKS = [
    {"prior": "restorer", "regime": "clean", "dip_noise": "fresh"},
    {"prior": "restorer", "regime": "clean", "dip_noise": "once", "restorer": "original"},
    {"prior": "restorer", "regime": "noisy"},
    {"prior": "dip", "regime": "clean", "prior_size": 32},
    {
        **{"prior": "dip", "regime": "noisy", "prior_size": 32, "start_step": 300},
        **{"dip_stop": "variance", "dip_input": "output"},
    },
]

SIMULATED = {"prior": "dip", "regime": "noisy", "prior_size": 32, "dip_stop": "simulation"}

DENOISERS = [  # they have twelve strengths, whatever dip_steps
    {"prior": "gaussian", "regime": "noisy", "start_step": 300},
    {"prior": "pca", "regime": "clean"},
]


@pytest.mark.parametrize(
    ("changes", "stop", "last"),
    [
        *((changes, stop, 60) for changes in NETWORKS for stop in (1, 25, 60)),
        (SIMULATED, 1, 60),
        *((changes, stop, 12) for changes in DENOISERS for stop in (1, 12)),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_a_fit_that_was_cut_off_goes_on_exactly(tiny, tmp_path, changes, stop, last):
    config = dataclasses.replace(tiny, dip_steps=60, epochs=1, **changes)
    expected = Run(config)
    (record,) = expected.records()

    def progress(stage, done, total):
        if (stage, done) == ("dip", stop):
            run.save(tmp_path)
            raise Stopped

    run = Run(config, progress=progress)
    with pytest.raises(Stopped):
        next(run.records())
    steps = []
    again = Run.load(tmp_path, progress=lambda stage, done, total: steps.append((stage, done)))
    (continued,) = again.records()
    assert steps[0] == (("dip", stop + 1) if stop < last else ("ddpm", 1))
    assert torch.equal(again.restoration.prior, expected.restoration.prior)
    assert torch.equal(again.restoration.start, expected.restoration.start)
    assert (continued.dip_loss, continued.dip_saw) == (record.dip_loss, record.dip_saw)
    assert continued.scores["fid"] == record.scores["fid"]


def test_the_seconds_of_a_fit_that_was_cut_off_count(tiny, tmp_path):
    def progress(stage, done, total):
        if done == 3:
            run.save(tmp_path)
            raise Stopped

    run = Run(tiny, progress=progress)
    with pytest.raises(Stopped):
        next(run.records())
    continued = Run.load(tmp_path)
    before = continued._stage.seconds
    assert before > 0
    assert next(continued.records()).dip_time_s > before


def test_without_a_prior_no_seconds_count(tiny):
    (record,) = Run(dataclasses.replace(tiny, prior="none", epochs=1)).records()
    assert (record.dip_time_s, record.dip_saw) == (0, "nothing")


@pytest.mark.parametrize("name", PRIORS)
def test_a_setting_that_a_prior_does_not_name_changes_nothing(tiny, name):
    """The search leaves out what means nothing to a prior."""
    others = {
        "dip_lr": 2e-3,
        "dip_steps": 3,
        "dip_width": 16,
        "dip_batch_size": 32,
        "prior_size": 8,
    }
    config = dataclasses.replace(tiny, prior=name, prior_size=16)
    images = torch.linspace(-1, 1, 96 * 64).view(96, 1, 8, 8)

    def restored(config):
        prior = make_prior(config, images)
        prior.fit()
        return prior.restore(images)

    expected = restored(config)
    for field, value in others.items():
        changed = restored(dataclasses.replace(config, **{field: value}))
        if field not in PRIORS[name].parameters:
            assert torch.equal(changed, expected), field
        elif field != "prior_size":  # which decides how many images there are
            assert not torch.equal(changed, expected), field
