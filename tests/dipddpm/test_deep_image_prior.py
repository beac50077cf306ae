import pytest
import torch

from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.deep_image_prior import fit_images
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.quality import psnr
from dipddpm.randomness import generator

FIT = {"width": 8, "lr": 1e-2, "steps": 120, "seed": 0}


def smooth_images(n: int) -> torch.Tensor:
    """Blobs of 16×16, which a prior for images should prefer to noise: (n, 1, 16, 16)."""
    centres = 4 + 8 * torch.rand(n, 2, 1, 1, generator=generator(0))
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"))
    distance = (grid - centres).square().sum(dim=1, keepdim=True)
    return 2 * torch.exp(-distance / 18) - 1


def test_it_draws_the_image_before_the_noise_and_stops_there():
    """No clean image is passed in; the stop is still near the best of the whole fit."""
    clean = smooth_images(8)
    noisy = (clean + 0.5 * torch.randn(clean.shape, generator=generator(1))).clamp(-1, 1)
    restored, steps, _ = fit_images(noisy, **FIT)
    assert psnr(restored, clean) > psnr(noisy, clean) + 3  # dB
    late, _, _ = fit_images(noisy, **FIT | {"steps": 1000})
    assert psnr(late, clean) > psnr(noisy, clean) + 3  # it does not go on into the noise
    assert steps.float().mean() < 110


def test_each_image_is_fitted_as_if_alone():
    noisy = corrupt(load_dataset("digits").train.images[:3], 0.3, generator(1))
    other = torch.cat([noisy[:2], -noisy[2:]])
    first, _, _ = fit_images(noisy, **FIT)
    second, _, _ = fit_images(other, **FIT)
    torch.testing.assert_close(first[:2], second[:2])
    assert (first[2] - second[2]).abs().max() > 0.1


def test_the_same_seed_gives_the_same_images():
    noisy = corrupt(load_dataset("digits").train.images[:2], 0.3, generator(1))
    short = FIT | {"steps": 5}
    torch.manual_seed(1)
    first, steps, _ = fit_images(noisy, **short)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second, _, _ = fit_images(noisy, **short)
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert steps.tolist() == [4, 4]  # shorter than the burn-in: the last average
    assert not torch.equal(fit_images(noisy, **short | {"seed": 1})[0], first)


def test_a_single_image_and_a_constant_one():
    flat = torch.full((1, 1, 8, 8), 0.25)
    restored, _, _ = fit_images(flat, **FIT)
    assert (restored - flat).abs().max() < 0.2


def test_colour():
    restored, _, _ = fit_images(torch.zeros(2, 3, 8, 8), **FIT | {"steps": 2})
    assert restored.shape == (2, 3, 8, 8)


def test_errors():
    with pytest.raises(ConfigError, match="image_size is '10×8'; expected multiples of 4"):
        fit_images(torch.zeros(1, 1, 10, 8), **FIT)
    with pytest.raises(NonFiniteLossError, match=r"DIP loss is not finite at step \d+"):
        fit_images(torch.zeros(1, 1, 8, 8), **FIT | {"lr": 1e38})
