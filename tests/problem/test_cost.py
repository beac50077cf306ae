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


def fixed_s(settings, monkeypatch, **changes):
    """The seconds before the first epoch, if a step of the prior takes one and no more is done."""

    class Run(cost.Run):
        def records(self):
            for record in super().records():
                yield dataclasses.replace(record, dip_time_s=float(self.config.dip_steps))

    monkeypatch.setattr(cost, "now", Clock())
    monkeypatch.setattr(cost, "Run", Run)
    config = dataclasses.replace(settings.run, sampler_steps=2, **changes)
    features = load_features(dataset_of(config))
    return cost.estimate_cost(settings, features, config).fixed_s


def test_a_fit_takes_as_long_as_its_steps(settings, monkeypatch):
    assert fixed_s(settings, monkeypatch, prior="restorer", dip_steps=70) == 70


def test_where_each_image_has_a_fit_of_its_own_it_takes_as_long_as_there_are_images(
    settings, monkeypatch
):
    """480 images are timed, and 960 are asked for."""
    few = fixed_s(settings, monkeypatch, prior="dip", dip_width=4, prior_size=480, dip_steps=20)
    assert few == 20
    many = fixed_s(settings, monkeypatch, prior="dip", dip_width=4, prior_size=960, dip_steps=20)
    assert many == 40


def test_a_prior_without_steps_is_not_scaled_by_them(settings, monkeypatch):
    class Shrink(Prior):
        description = "images of half their contrast"

        def restore(self, images):
            return images / 2

    monkeypatch.setitem(PRIORS, "shrink", Shrink)
    five = fixed_s(settings, monkeypatch, prior="shrink", dip_steps=5)
    assert fixed_s(settings, monkeypatch, prior="shrink", dip_steps=500) == five
