"""What may choose: in the noisy regime nothing that a clean image goes into."""

import dataclasses
import math

import pytest
from support.poisoned_images import poison

from dipddpm.feature_store import load_features
from dipddpm.pipeline import Run, dataset_of
from dipddpm.priors import PRIORS
from study.cluster.capacity import this_machine
from study.commands.confirm import COMPARED
from study.problem.metrics import OBJECTIVES, can_choose, without_prior
from study.problem.settings import resolve


def objectives_of(**given):
    return resolve(given, this_machine()).objectives


def test_each_regime_has_objectives_of_its_own():
    assert objectives_of() == ("fid", "time_per_iteration_s")
    assert objectives_of(regime="noisy") == ("fid_corrupted", "time_per_iteration_s")
    given = objectives_of(regime="noisy", objectives="time_to_quality_s,fid_corrupted")
    assert given == ("time_to_quality_s", "fid_corrupted")
    assert set(can_choose("clean")) | set(can_choose("noisy")) == set(OBJECTIVES)


def test_the_verdict_rests_on_clean_images_whatever_has_chosen():
    assert COMPARED[0] == "fid"
    assert "fid" not in can_choose("noisy")


def test_an_objective_that_a_run_without_prior_lacks_is_left_out_there():
    assert without_prior(("dip_psnr", "fid"), "clean") == ("fid",)
    assert without_prior(("dip_psnr",), "clean") == ("fid",)
    assert without_prior(("precision", "loss"), "clean") == ("precision", "loss")
    assert without_prior(("dip_loss",), "noisy") == ("fid_corrupted",)


@pytest.mark.parametrize("prior", PRIORS)
def test_what_may_choose_among_noisy_images_is_the_same_whatever_the_clean_ones_are(
    tiny, prior, monkeypatch
):
    config = dataclasses.replace(tiny, prior=prior, regime="noisy", std=0.5, prior_size=64)
    features = load_features(dataset_of(config))
    expected = [record.row() for record in Run(config, features=features).records()]
    poison(monkeypatch, config)
    found = [record.row() for record in Run(config, features=features).records()]

    def values(rows, name):
        # of seconds only whether there are any depends on the images
        seen = [math.isfinite(r[name]) if name.endswith("_s") else r[name] for r in rows]
        return [None if value != value else value for value in seen]

    for name in (each for each in can_choose("noisy") if each in expected[0]):
        assert values(found, name) == values(expected, name), name
    judges = ("fid", "dip_psnr") if PRIORS[prior].restores else ("fid",)
    for name in judges:  # the clean images were others indeed
        assert values(found, name) != values(expected, name), name
