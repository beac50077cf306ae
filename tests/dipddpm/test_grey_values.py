"""The distribution of clean grey values from noisy ones, and the curves that lead to it."""

import numpy as np
import pytest
import torch

from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.grey_values import LEVELS, Curve, clean_quantiles, quantiles
from dipddpm.randomness import generator


@pytest.mark.parametrize(("std", "within"), [(0.2, 0.06), (0.5, 0.12)])
def test_the_clean_distribution_is_found_from_noisy_images_alone(std, within):
    clean = load_dataset("digits").train.images
    noisy = corrupt(clean, std, generator(1))
    true, found = quantiles(clean), clean_quantiles(noisy, std)
    assert np.abs(found - true).mean() < within  # on [-1, 1]
    assert np.abs(found - true).mean() < 0.7 * np.abs(quantiles(noisy) - true).mean()


def test_two_values_are_told_apart_in_strong_noise():
    clean = torch.where(torch.rand(200, 1, 8, 8, generator=generator(0)) < 0.25, 1.0, -1.0)
    found = clean_quantiles(corrupt(clean, 0.5, generator(1)), 0.5)
    assert np.interp([0.1, 0.6, 0.9], LEVELS, found) == pytest.approx([-1, -1, 1], abs=0.1)


def test_a_curve_gives_images_the_wanted_grey_values_and_keeps_their_order():
    images = torch.rand(20, 1, 8, 8, generator=generator(0)) - 0.5
    wanted = np.interp(LEVELS, [0, 0.5, 1], [-1, -1, 1])
    got = Curve.between(quantiles(images), wanted)(images)
    assert got.shape == images.shape
    assert quantiles(got) == pytest.approx(wanted, abs=0.01)
    rising = got.flatten()[images.flatten().argsort()].diff()
    assert (rising >= 0).all()


def test_a_value_that_many_pixels_share_becomes_the_middle_of_theirs():
    flat = Curve.between(np.zeros(len(LEVELS)), LEVELS)
    assert flat(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0.5, 0.5, 0.5]
