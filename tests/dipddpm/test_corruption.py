import pytest
import torch

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, degrade, expected_clipped, noise_text, undo_clipping
from dipddpm.diffusion import make_schedule
from dipddpm.errors import ConfigError
from dipddpm.randomness import generator


def test_noise_has_the_reports_units():
    """std is on the scale [0, 1]: a grey image far from the clip has that deviation there."""
    grey = torch.zeros(200, 1, 28, 28)  # 0 in [-1, 1] is 0.5 in [0, 1]
    noisy = (corrupt(grey, 0.05, generator(0)) + 1) / 2
    assert abs(noisy.std().item() - 0.05) < 5e-4
    assert abs(noisy.mean().item() - 0.5) < 5e-4


def test_it_is_the_reports_formula():
    image = torch.rand(4, 1, 8, 8, generator=generator(1))  # in [0, 1]
    noise = torch.randn(image.shape, generator=generator(2))
    expected = (image + 1.2 * noise).clamp(0, 1)
    got = corrupt(image * 2 - 1, 1.2, generator(2))
    torch.testing.assert_close((got + 1) / 2, expected)


def test_the_ddpms_own_noise_level_in_place_of_std():
    image = torch.rand(4, 1, 8, 8, generator=generator(1)) * 2 - 1
    noise = torch.randn(image.shape, generator=generator(2))
    config = RunConfig(dip_step=250, schedule="linear")
    alpha_bar = make_schedule("linear", 1000).alphas_cumprod[249].item()
    expected = alpha_bar**0.5 * image + (1 - alpha_bar) ** 0.5 * noise
    torch.testing.assert_close(degrade(image, config, generator(2)), expected)
    assert noise_text(config) == "dip_step 250"
    by_std = degrade(image, RunConfig(std=0.3), generator(2))
    assert torch.equal(by_std, corrupt(image, 0.3, generator(2)))
    with pytest.raises(ConfigError, match="dip_step is 250; expected none in regime noisy"):
        RunConfig(dip_step=250, regime="noisy")


@pytest.mark.parametrize("std", [0.2, 1.0])
def test_the_expectation_of_clipped_noise_and_its_inverse(std):
    images = torch.linspace(-1, 1, 9).view(9, 1, 1, 1)
    n = 200_000
    sampled = corrupt(images.expand(9, 1, 1, n), std, generator(0)).mean(dim=-1, keepdim=True)
    expected = expected_clipped(images, std)
    torch.testing.assert_close(sampled, expected, rtol=0, atol=4 * 2 * std / n**0.5)
    torch.testing.assert_close(undo_clipping(expected, std), images, rtol=0, atol=2e-3)
    assert undo_clipping(torch.tensor([-1.0, 1.0]), std).tolist() == pytest.approx([-1, 1])
