"""What a trial is expected to take, by what its prior says of itself."""

import dataclasses

import pytest

from dipddpm import PRIORS, Prior
from dipddpm.feature_store import load_features
from dipddpm.pipeline import dataset_of
from study.cluster.capacity import this_machine
from study.problem import cost
from study.problem.settings import resolve


class Clock:
    """A clock that moves on by one second whenever a stage is told of a step."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self, device):
        self.seconds += 1
        return self.seconds


@pytest.fixture
def settings():
    return resolve({"epochs": 2}, this_machine())


def prior_s(settings, monkeypatch, **changes):
    """The seconds before the first epoch, if a step of the prior takes one and no more is done."""

    class Run(cost.Run):
        def records(self):
            for record in super().records():
                yield dataclasses.replace(record, dip_time_s=float(self.config.dip_steps))

    monkeypatch.setattr(cost, "now", Clock())
    monkeypatch.setattr(cost, "Run", Run)
    config = dataclasses.replace(settings.run, sampler_steps=2, **changes)
    features = load_features(dataset_of(config))
    return cost.estimate_cost(settings, features, config).prior_s


def test_a_fit_takes_as_long_as_its_steps(settings, monkeypatch):
    assert prior_s(settings, monkeypatch, prior="restorer", dip_steps=70) == 70


def test_where_each_image_has_a_fit_of_its_own_it_takes_as_long_as_there_are_images(
    settings, monkeypatch
):
    """480 images are timed, and 960 are asked for."""
    few = prior_s(settings, monkeypatch, prior="dip", dip_width=4, prior_size=480, dip_steps=20)
    assert few == 20
    many = prior_s(settings, monkeypatch, prior="dip", dip_width=4, prior_size=960, dip_steps=20)
    assert many == 40


def row(held_s, **changes):
    """A trial after its first evaluation, at half of two epochs."""
    stages = {"dip_time_s": 10.0, "time_per_iteration_s": 4.0, "train_time_s": 4.0}
    drawn = {"sample_time_s": 2.0, "score_time_s": 1.0}
    return {"epoch": 1, "restarts": 0, "held_s": held_s, **stages, **drawn, **changes}


def test_the_first_trials_tell_what_one_costs(settings):
    """What belongs to no stage is the start of the process, which is slow on one node of three."""
    settings = dataclasses.replace(settings, plan=dataclasses.replace(settings.plan, slots=8))
    begun = {"epoch": 0, "restarts": 0}  # without an evaluation, and without its columns
    rows = [row(20.0), row(500.0, restarts=1), begun, row(22.0)]
    assert cost.cost_of_first(settings, rows) is None
    found = cost.cost_of_first(settings, [*rows, row(80.0)])
    assert found == cost.Cost(prior_s=10, epoch_s=4, evaluation_s=3, start_s=5)
    assert found.trial_s(epochs=2, evaluations=2) == 5 + 10 + 8 + 6
    assert found.without_prior().trial_s(epochs=2, evaluations=2) == 5 + 8 + 6


def test_where_one_trial_runs_at_a_time_the_first_tells(settings):
    settings = dataclasses.replace(settings, plan=dataclasses.replace(settings.plan, slots=1))
    assert cost.cost_of_first(settings, [row(20.0)]).start_s == 3


def test_a_prior_without_steps_is_not_scaled_by_them(settings, monkeypatch):
    class Shrink(Prior):
        description = "images of half their contrast"

        def restore(self, images):
            return images / 2

    monkeypatch.setitem(PRIORS, "shrink", Shrink)
    five = prior_s(settings, monkeypatch, prior="shrink", dip_steps=5)
    assert prior_s(settings, monkeypatch, prior="shrink", dip_steps=500) == five
