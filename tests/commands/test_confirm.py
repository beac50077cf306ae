"""What a confirmation compares: like with like, with seeds of its own."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from dipddpm.pipeline import dataset_of
from dipddpm.prior_stage import PriorStage
from dipddpm.priors import PRIORS
from dipddpm.training import Trainer
from study.cluster.capacity import Capacity, NodeType
from study.commands.confirm import BASELINE, ORIGINAL, design, idle, like_with_like
from study.problem.settings import resolve

CAPACITY = Capacity((NodeType("two cores", 2, 0),), most_nodes=1)


def settings(**given):
    return resolve({"name": "x", **given}, CAPACITY)


@pytest.mark.parametrize("prior", [name for name, prior in PRIORS.items() if prior.restores])
def test_all_conditions_learn_from_as_many_images_in_as_many_steps(prior):
    """Whatever the prior; only which images they are is the prior's work."""
    found = settings(prior=prior, prior_size=40)
    dataset = dataset_of(found.run)
    found = like_with_like(found, len(dataset.train))
    learnt = {}
    for name in (prior, "none"):
        run = dataclasses.replace(found.run, prior=name)
        stage = PriorStage(run, dataset_of(run), torch.device("cpu"))
        trainer = Trainer(run, stage.train, stage.start)
        learnt[name] = (len(stage.train), trainer.steps_per_epoch, stage.clean)
    images, steps, clean = learnt[prior]
    bare_images, bare_steps, bare_clean = learnt["none"]
    assert (images, steps) == (bare_images, bare_steps)
    torch.testing.assert_close(clean, bare_clean)


def test_what_belongs_to_the_prior_is_idle_without_it():
    point = {"dip_lr": 1e-3, "ddpm_lr": 5e-4, "std": 1.0}
    assert idle({**point, "prior": "none"}, "restorer") == ["dip_lr", "std"]
    assert idle({**point, "prior": "restorer"}, "restorer") == []


def test_the_baseline_draws_from_noise_where_the_search_starts_from_prior_images():
    """Real images, which its prior set holds, would be a start that no model has made."""
    found = settings(space="drawing", timesteps=400)
    best = {"dip_lr": 1e-3, "ddpm_lr": 5e-4, "std": 0.5, "sampler_steps": 10, "start_step": 100}
    alone = {"ddpm_lr": 2e-3, "sampler_steps": 20}
    conditions, _ = design(
        found, [SimpleNamespace(parameters=best)], SimpleNamespace(parameters=alone)
    )
    assert conditions[BASELINE] == {**best, **alone, "start_step": 400, "prior": "none"}
    assert conditions["the best trial"] == {**best, "prior": "restorer"}
    assert conditions[ORIGINAL]["start_step"] == 400
