"""The score of the noisy regime: what it finds good, and that it knows no clean image."""

import pytest
import torch
from scipy.stats import spearmanr

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.feature_store import load_features
from dipddpm.noisy_quality import NoisyReference, as_observed
from dipddpm.priors import make_prior
from dipddpm.priors.denoisers import blur
from dipddpm.quality import Reference, fid
from dipddpm.randomness import generator

STD = 0.3


@pytest.fixture(scope="module")
def noisy() -> NoisyReference:
    images = as_observed(load_dataset("digits"), STD)
    return NoisyReference(images, load_features(images), 300, "validation", STD)


@pytest.fixture(scope="module")
def held_out() -> torch.Tensor:
    return load_dataset("digits").test.images


def test_images_are_compared_with_noisy_ones_as_the_noise_would_show_them(noisy, held_out):
    """Neither images that are noisy already nor smooth ones look like noisy clean ones."""
    too_noisy = corrupt(held_out, STD, generator(5))
    too_smooth = torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False)(held_out)
    clean = noisy.fid(held_out)
    assert clean == pytest.approx(noisy.floor, rel=0.3)  # another draw of the noise
    assert clean < noisy.threshold < noisy.noise
    assert clean < noisy.fid(too_noisy) / 2
    assert clean < noisy.fid(too_smooth) / 2


def test_scores_by_name(noisy, held_out):
    assert noisy.score(held_out) == {
        "fid_corrupted": noisy.fid(held_out),
        "fid_corrupted_floor": noisy.floor,
        "fid_corrupted_noise": noisy.noise,
        "fid_corrupted_threshold": noisy.threshold,
    }


def test_each_image_is_observed_once_and_its_noise_is_known():
    digits = load_dataset("digits")
    seen, again = (as_observed.__wrapped__(digits, STD) for _ in range(2))
    assert seen.hash == again.hash != digits.hash
    assert seen.classes == 1
    noise = seen.full_train.images - digits.full_train.images
    inside = digits.full_train.images.abs() < 0.01  # where little is clipped
    assert float(noise[inside].std()) == pytest.approx(2 * STD, rel=0.1)


def test_it_ranks_restorations_nearly_as_clean_images_would(noisy):
    """Gaussian blurs of growing width, each with its own contrast."""
    digits = load_dataset("digits")
    clean = Reference(digits, load_features(digits), 300)
    images = corrupt(digits.train.images[:300], STD, generator(1))
    prior = make_prior(RunConfig(prior="gaussian", regime="noisy", std=STD), images)
    restored = [prior._restoration(blur, strength)(images) for strength in prior.strengths]
    fids = [fid(clean.real_features, clean.extract(each)) for each in restored]
    assert spearmanr(fids, [noisy.fid(each) for each in restored]).statistic > 0.8
