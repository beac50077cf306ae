"""The check that features must pass: what it measures, what it lets through and what it doubts."""

import dataclasses
import json
import math

import pytest
import torch

from dipddpm.data import DATA_SOURCES, Split, load_dataset
from dipddpm.feature_check import (
    DEGRADATIONS,
    check,
    checked_images,
    doubts,
    guessing,
    margins,
    shuffle_patches,
)
from dipddpm.feature_store import load_features
from dipddpm.features import FeatureNet
from dipddpm.randomness import generator, seeded_global

CARD = {"accuracy": 0.9, "guessing": 0.5, "checked_images": 200}


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def figures(digits):
    return check(load_features(digits).net, digits)


def test_degraded_images_are_images_of_the_same_kind(digits):
    images = digits.start.images[:20]
    for name, degrade in DEGRADATIONS.items():
        degraded = degrade(images, generator(0))
        assert degraded.shape == images.shape, name
        assert degraded.abs().max() <= 1, name
        assert not torch.equal(degraded, images), name


@pytest.mark.parametrize("size", [8, 9])
def test_shuffled_patches_are_the_same_patches_in_another_order_for_each_image(size):
    image = torch.arange(3.0 * size * size).view(1, 3, size, size)
    first, second = shuffle_patches(image.repeat(2, 1, 1, 1), 4, generator(0))
    assert not torch.equal(first, second)
    for shuffled in (first, second):
        corners = {tuple(shuffled[:, y, x].tolist()) for y in (0, 4) for x in (0, 4)}
        assert corners == {tuple(image[0, :, y, x].tolist()) for y in (0, 4) for x in (0, 4)}
        assert sorted(shuffled.flatten().tolist()) == image.flatten().tolist()
        assert torch.equal(shuffled[:, 8:], image[0, :, 8:])  # what is left over


def test_the_cards_of_shipped_features_state_what_the_check_finds(figures, digits):
    card = json.loads(DATA_SOURCES["digits"].card.read_text())
    assert card["checked_images"] == checked_images(digits) == 197
    for name, each in figures.items():
        assert card["check"][name] == pytest.approx(each, abs=2e-3), name


def test_all_features_that_know_digits_but_not_blur_are_doubted_for(figures):
    """The shipped ones take 43 % of blurred digits for real ones; the limit is 42 %."""
    (doubt,) = doubts({**CARD, "check": figures})
    assert doubt == "precision of blur misses its limit by a factor of 1"


def test_a_network_that_has_learnt_nothing_does_not_pass(digits):
    with seeded_global(0):
        net = FeatureNet(8, 1, 10).eval()
    (worst, *_) = doubts({**CARD, "check": check(net, digits)})
    assert worst == "precision of blur misses its limit by a factor of 2.1"


def test_the_worst_doubt_comes_first_and_nan_is_one():
    real = {"fid": 2.0, "precision": 0.8, "nearest": 0.7}
    far = {"fid": 100.0, "precision": 0.0, "nearest": 3.0}
    figures = {"real": real, **dict.fromkeys(DEGRADATIONS, far)}
    assert doubts({**CARD, "check": figures}) == []
    figures["blur"] = {**far, "fid": 3.0}
    figures["uniform noise"] = {**far, "precision": 0.925}
    assert doubts({**CARD, "check": figures}) == [
        "precision of uniform noise misses its limit by a factor of 9.2",
        "FID of blur misses its limit by a factor of 2",
    ]
    assert not min(margins(figures).values()) >= 1
    figures["blur"] = {**far, "nearest": math.nan}
    assert any("nearest distance of blur" in doubt for doubt in doubts({**CARD, "check": figures}))


def test_classes_that_are_hardly_known_are_doubted_and_no_labels_are_not(figures):
    figures = {**figures, "blur": figures["uniform noise"]}

    def said(**changes):
        return doubts({**CARD, "check": figures, **changes})

    assert said() == []
    (doubt,) = said(accuracy=0.60, guessing=0.53)
    assert doubt.startswith("classes are hardly known (accuracy 0.60, 0.53 by guessing)")
    assert said(accuracy=None, guessing=None) == []


def test_too_few_images_for_the_covariances_of_64_features_are_said(figures):
    figures = {**figures, "blur": figures["uniform noise"]}
    (doubt,) = doubts({**CARD, "check": figures, "checked_images": 40})
    assert doubt == "40 held-out images are too few for an FID of 64 features"


def test_guessing_is_naming_the_most_frequent_class():
    assert guessing(torch.tensor([0, 1, 1, 2])) == 0.5


def test_held_out_images_that_are_those_of_another_split_leave_the_figures_finite(digits):
    """A floor of 0: every quotient of it must still be a number."""
    copy = dataclasses.replace(digits, start=Split(*dataclasses.astuple(digits.validation)))
    figures = check(load_features(digits).net, copy)
    assert figures["real"]["fid"] < 1e-6
    assert all(math.isfinite(value) for value in margins(figures).values())
