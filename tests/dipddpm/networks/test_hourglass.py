import torch

from dipddpm.networks.hourglass import Hourglass
from dipddpm.randomness import generator


def test_it_draws_an_image_of_the_codes_size_in_the_range_of_images():
    code = torch.randn(2, 5, 12, 8, generator=generator(0))
    image = Hourglass(inputs=5, channels=3, width=4)(code)
    assert image.shape == (2, 3, 12, 8)
    assert image.abs().max() <= 1
