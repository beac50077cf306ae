"""The amortised prior: what it learns from, in both regimes, and what it restores."""

import pytest
import torch

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.networks.restorers import OriginalRestorer
from dipddpm.priors import Prior, make_prior, restorer
from dipddpm.progress import silent
from dipddpm.quality import psnr
from dipddpm.randomness import generator

SETTINGS = {"dip_lr": 3e-3, "dip_steps": 60, "std": 0.3, "dip_batch_size": 128, "dip_width": 8}


def fit(images=None, progress=silent, **changes) -> Prior:
    if images is None:
        images = load_dataset("digits").train.images
    prior = make_prior(RunConfig(**SETTINGS | changes), images)
    prior.fit(progress)
    return prior


def test_it_restores_images_it_was_not_fitted_to():
    held_out = load_dataset("digits").validation.images
    noisy = corrupt(held_out, 0.3, generator(1))
    restored = fit().restore(noisy)
    assert psnr(restored, held_out) > psnr(noisy, held_out) + 1  # dB


def test_the_reports_fit_sees_one_batch_and_ours_sees_all_images():
    images = load_dataset("digits").train.images
    flipped = torch.cat([images[:128], -images[128:]])
    for network, one_batch in (("original", True), ("unet", False)):
        fits = [
            fit(some, restorer=network, dip_steps=3).net.state_dict() for some in (images, flipped)
        ]
        same = all(torch.equal(fits[0][key], fits[1][key]) for key in fits[0])
        assert same == one_batch


def test_noise_drawn_once_is_learnt_by_heart():
    """The original's loss of 0.0016 is possible in this way alone."""
    images = load_dataset("digits").train.images[:16]
    settings = {"dip_steps": 400, "std": 1.0, "dip_batch_size": 16, "dip_width": 16}
    losses = [
        fit(images, restorer="original", dip_noise=noise, **settings).loss
        for noise in ("once", "fresh")
    ]
    assert losses[0] < losses[1] / 2


def test_noise2self_restores_without_having_seen_a_clean_image():
    digits = load_dataset("digits")
    noisy_train = corrupt(digits.train.images, 0.5, generator(2))
    prior = fit(noisy_train, regime="noisy", std=0.5, dip_steps=150)
    held_out = digits.validation.images
    noisy = corrupt(held_out, 0.5, generator(1))
    restored = prior.restore(noisy)
    assert psnr(restored, held_out) > psnr(noisy, held_out) + 1.5  # dB


def test_no_pixel_is_seen_by_its_own_blind_estimate():
    """Changing one pixel changes the estimates of others, never its own."""
    net = OriginalRestorer(1, 8)
    torch.nn.init.constant_(net[-1].bias, 0.5)  # mid-grey, which nothing clips
    image = torch.rand(1, 1, 8, 8, generator=generator(0)) * 2 - 1
    other = image.clone()
    other[0, 0, 3, 5] = -other[0, 0, 3, 5]
    change = (restorer.restore_blind(net, image) - restorer.restore_blind(net, other)).abs()
    assert change[0, 0, 3, 5] < 1e-6
    assert change.max() > 1e-5


def test_the_same_seed_gives_the_same_network():
    torch.manual_seed(1)
    first = fit(dip_steps=3).net.state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = fit(dip_steps=3).net.state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    key = "unet.stem.weight"
    assert not torch.equal(fit(dip_steps=3, seed=1).net.state_dict()[key], first[key])


@pytest.mark.parametrize("regime", ["clean", "noisy"])
def test_a_diverging_fit_ends_with_its_step_and_settings(regime):
    with pytest.raises(NonFiniteLossError, match=r"DIP loss is not finite at step \d+ \(dip_lr="):
        fit(dip_lr=1e30, regime=regime)


def test_a_batch_larger_than_the_set():
    with pytest.raises(ConfigError, match="dip_batch_size is 1001; expected at most 1000"):
        fit(dip_batch_size=1001)


def test_progress_is_reported():
    seen = []
    fit(dip_steps=3, progress=lambda *event: seen.append(event))
    assert seen == [("dip", 1, 3), ("dip", 2, 3), ("dip", 3, 3)]
