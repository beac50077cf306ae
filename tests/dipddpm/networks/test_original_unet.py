import pytest
import torch

from dipddpm.errors import ConfigError
from dipddpm.networks.original_unet import OriginalUNet, sinusoidal_table


def test_it_has_the_reports_parameters():
    net = OriginalUNet(28, 1)
    assert sum(p.numel() for p in net.parameters()) == 606_852
    assert sum(p.numel() for p in net.parameters() if not p.requires_grad) == 100_000
    x = torch.randn(2, 1, 28, 28)
    assert net(x, torch.tensor([0, 999])).shape == x.shape


def test_the_image_is_normalised_at_the_entrance():
    """What REPORT finds: the mean grey and the contrast of the input are hidden from the network,
    as far as the time's scalar bias lets them be."""
    net = OriginalUNet(28, 1)
    x, t = torch.randn(1, 1, 28, 28), torch.tensor([500])
    torch.testing.assert_close(net(3 * x + 1, t), net(x, t), rtol=1e-3, atol=1e-4)


def test_the_table_is_the_papers():
    table = sinusoidal_table(1000, 100)
    assert table[7, 0] == pytest.approx(torch.sin(torch.tensor(7.0)).item())
    assert table[7, 51] == pytest.approx(torch.cos(torch.tensor(7 / 10_000**0.5)).item(), abs=1e-5)


def test_other_sizes_are_refused():
    with pytest.raises(ConfigError, match="28×28 images of 1 channel"):
        OriginalUNet(8, 1)
