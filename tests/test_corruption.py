import torch

from dipddpm.corruption import corrupt
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
