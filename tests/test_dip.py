import pytest
import torch

from dipddpm import dip
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.errors import NonFiniteLossError
from dipddpm.quality import psnr
from dipddpm.randomness import generator


def fit(**changes):
    settings = {"width": 8, "lr": 3e-3, "steps": 60, "std": 0.3, "seed": 0} | changes
    images = load_dataset("digits").train.images[:128]
    return dip.fit_restorer(images, **settings)


def test_the_reports_network():
    net = dip.Restorer(channels=1, width=64)
    convolutions = [layer for layer in net if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 128, 64, 1]
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_it_restores_images_it_was_not_fitted_to():
    held_out = load_dataset("digits").validation.images
    noisy = corrupt(held_out, 0.3, generator(1))
    restored = dip.restore(fit(), noisy)
    assert psnr(restored, held_out) > psnr(noisy, held_out) + 1  # dB


def test_the_same_seed_gives_the_same_network():
    torch.manual_seed(1)
    first = fit(steps=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = fit(steps=3).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(fit(steps=3, seed=1).state_dict()["0.weight"], first["0.weight"])


def test_a_diverging_fit_ends_with_its_step_and_settings():
    with pytest.raises(NonFiniteLossError, match=r"DIP loss is not finite at step \d+ \(dip_lr="):
        fit(lr=1e30)


def test_progress_is_reported():
    seen = []
    fit(steps=3, progress=lambda *event: seen.append(event))
    assert seen == [("dip", 1, 3), ("dip", 2, 3), ("dip", 3, 3)]
