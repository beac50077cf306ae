import pytest
import torch

from dipddpm.corruption import corrupt, expected_clipped, undo_clipping
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


@pytest.mark.parametrize("std", [0.2, 1.0])
def test_the_expectation_of_clipped_noise_and_its_inverse(std):
    images = torch.linspace(-1, 1, 9).view(9, 1, 1, 1)
    n = 200_000
    sampled = corrupt(images.expand(9, 1, 1, n), std, generator(0)).mean(dim=-1, keepdim=True)
    expected = expected_clipped(images, std)
    torch.testing.assert_close(sampled, expected, rtol=0, atol=4 * 2 * std / n**0.5)
    torch.testing.assert_close(undo_clipping(expected, std), images, rtol=0, atol=2e-3)
    assert undo_clipping(torch.tensor([-1.0, 1.0]), std).tolist() == pytest.approx([-1, 1])
