import pytest
import torch

from dipddpm.errors import ConfigError
from dipddpm.networks.unet import UNet


@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_predicts_noise_of_the_images_shape(size, channels):
    net = UNet(size, channels, width=8)
    x = torch.randn(2, channels, size, size)
    assert net(x, torch.tensor([0, 999])).shape == x.shape


def test_every_parameter_and_the_time_matter():
    """After the zero-initialised layers have left zero, gradients reach everything."""
    torch.manual_seed(0)
    net = UNet(8, 1, width=8)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x = torch.randn(2, 1, 8, 8)
    net(x, torch.tensor([3, 700])).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())
    early, late = net(x, torch.tensor([3, 3])), net(x, torch.tensor([700, 700]))
    assert (early - late).abs().max() > 1e-3


def test_a_normalised_input_hides_mean_grey_and_contrast():
    torch.manual_seed(0)
    seeing, blind = UNet(8, 1, width=8), UNet(8, 1, width=8, normalise_input=True)
    for net in (seeing, blind):
        torch.nn.init.normal_(net.head.weight)
    x, t = torch.randn(1, 1, 8, 8), torch.tensor([500])
    torch.testing.assert_close(blind(3 * x + 1, t), blind(x, t), rtol=1e-3, atol=1e-3)
    assert (seeing(3 * x + 1, t) - seeing(x, t)).abs().max() > 0.1


def test_sizes_that_do_not_fold():
    with pytest.raises(ConfigError, match="image_size is 30; expected a multiple of 4"):
        UNet(30, 1, width=8)


@pytest.mark.parametrize(("size", "laid_out_last"), [(8, False), (28, True)])
def test_the_memory_layout_changes_the_speed_alone(size, laid_out_last):
    torch.manual_seed(0)
    net = UNet(size, 1, width=8)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    seen = []
    net.decode.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x, t = torch.randn(2, 1, size, size), torch.tensor([3, 700])
    result = net(x, t)
    assert seen[0].is_contiguous(memory_format=torch.channels_last) == laid_out_last
    net.memory_format = torch.contiguous_format
    torch.testing.assert_close(net(x, t), result)
