"""The networks of the amortised prior."""

import torch

from dipddpm.networks.restorers import OriginalRestorer, make_restorer
from dipddpm.randomness import generator


def test_the_reports_network():
    net = OriginalRestorer(channels=1, width=64)
    convolutions = [layer for layer in net if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 128, 64, 1]
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_the_reports_network_sees_images_in_0_to_1():
    net = make_restorer("original", 8, 1, 8, seed=0)
    image = torch.rand(2, 1, 8, 8, generator=generator(0))
    seen = torch.nn.Sequential(*net)(image)  # its layers alone
    torch.testing.assert_close((net(image * 2 - 1) + 1) / 2, seen)


def test_where_there_is_little_noise_little_is_changed():
    """The compact network adds to its input, and begins by adding nothing."""
    image = torch.rand(2, 1, 8, 8, generator=generator(0))
    assert torch.equal(make_restorer("unet", 8, 1, 8, seed=0)(image), image)
