import pytest
import torch

from dipddpm import restorer
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.progress import silent
from dipddpm.quality import psnr
from dipddpm.randomness import generator


def fit(images=None, network="unet", progress=silent, **changes):
    settings = {"lr": 3e-3, "steps": 60, "std": 0.3, "batch_size": 128, "seed": 0}
    if images is None:
        images = load_dataset("digits").train.images
    net = restorer.make_restorer(network, 8, 1, 8, seed=0)
    restorer.Fit(net, images, **settings | changes).run(progress)
    return net


def test_the_reports_network():
    net = restorer.OriginalRestorer(channels=1, width=64)
    convolutions = [layer for layer in net if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 128, 64, 1]
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_it_restores_images_it_was_not_fitted_to():
    held_out = load_dataset("digits").validation.images
    noisy = corrupt(held_out, 0.3, generator(1))
    restored = restorer.restore(fit(), noisy)
    assert psnr(restored, held_out) > psnr(noisy, held_out) + 1  # dB


def test_the_reports_fit_sees_one_batch_and_ours_sees_all_images():
    images = load_dataset("digits").train.images
    flipped = torch.cat([images[:128], -images[128:]])
    for network, one_batch in (("original", True), ("unet", False)):
        fits = [
            fit(some, network, steps=3, one_batch=one_batch).state_dict()
            for some in (images, flipped)
        ]
        same = all(torch.equal(fits[0][key], fits[1][key]) for key in fits[0])
        assert same == one_batch


def test_noise_drawn_once_is_learnt_by_heart():
    """The original's loss of 0.0016 is possible in this way alone."""
    images = load_dataset("digits").train.images[:16]
    settings = {"lr": 3e-3, "steps": 400, "std": 1.0, "batch_size": 16, "seed": 0}
    losses = []
    for noise_once in (True, False):
        net = restorer.make_restorer("original", 8, 1, 16, seed=0)
        losses.append(
            restorer.Fit(net, images, one_batch=True, noise_once=noise_once, **settings).run()
        )
    assert losses[0] < losses[1] / 2


def test_in_the_unit_range_the_same_network_sees_images_in_0_to_1():
    symmetric = restorer.make_restorer("original", 8, 1, 8, seed=0)
    unit = restorer.make_restorer("original", 8, 1, 8, seed=0, value_range="unit")
    image = torch.rand(2, 1, 8, 8, generator=generator(0))
    torch.testing.assert_close((unit(image * 2 - 1) + 1) / 2, symmetric(image))


def test_where_there_is_little_noise_little_is_changed():
    """The compact network adds to its input, and begins by adding nothing."""
    image = torch.rand(2, 1, 8, 8, generator=generator(0))
    assert torch.equal(restorer.make_restorer("unet", 8, 1, 8, seed=0)(image), image)


def test_noise2self_restores_without_having_seen_a_clean_image():
    digits = load_dataset("digits")
    noisy_train = corrupt(digits.train.images, 0.5, generator(2))
    net = fit(noisy_train, std=None, steps=150)
    held_out = digits.validation.images
    noisy = corrupt(held_out, 0.5, generator(1))
    restored = undo_clipping(restorer.restore_blind(net, noisy), 0.5)
    assert psnr(restored, held_out) > psnr(noisy, held_out) + 1.5  # dB


def test_no_pixel_is_seen_by_its_own_blind_estimate():
    """Changing one pixel changes the estimates of others, never its own."""
    net = restorer.OriginalRestorer(1, 8)
    image = torch.rand(1, 1, 8, 8, generator=generator(0)) * 2 - 1
    other = image.clone()
    other[0, 0, 3, 5] = -other[0, 0, 3, 5]
    change = (restorer.restore_blind(net, image) - restorer.restore_blind(net, other)).abs()
    assert change[0, 0, 3, 5] < 1e-6
    assert change.max() > 1e-5


def test_every_pixel_is_hidden_once():
    image = torch.zeros(1, 1, 10, 7)
    assert sum(restorer.hidden_pixels(image, p) for p in range(restorer.GRID**2)).eq(1).all()


def test_hidden_pixels_become_the_mean_of_their_neighbours():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    hidden = torch.zeros(5, 5)
    hidden[2, 2] = hidden[0, 0] = 1
    got = restorer.hide(image, hidden)
    assert got[0, 0, 2, 2] == pytest.approx(12)
    assert got[0, 0, 0, 0] == pytest.approx((1 + 5 + 6) / 3)
    assert torch.equal(got * (1 - hidden), image * (1 - hidden))


def test_the_same_seed_gives_the_same_network():
    torch.manual_seed(1)
    first = fit(steps=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = fit(steps=3).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    key = "unet.stem.weight"
    assert not torch.equal(fit(steps=3, seed=1).state_dict()[key], first[key])


@pytest.mark.parametrize("std", [0.3, None])
def test_a_diverging_fit_ends_with_its_step_and_settings(std):
    with pytest.raises(NonFiniteLossError, match=r"DIP loss is not finite at step \d+ \(dip_lr="):
        fit(lr=1e30, std=std)


def test_a_batch_larger_than_the_set():
    with pytest.raises(ConfigError, match="dip_batch_size is 1001; expected at most 1000"):
        fit(batch_size=1001)


def test_progress_is_reported():
    seen = []
    fit(steps=3, progress=lambda *event: seen.append(event))
    assert seen == [("dip", 1, 3), ("dip", 2, 3), ("dip", 3, 3)]
