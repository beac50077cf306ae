import math

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


def test_the_table_has_the_reports_frequencies():
    """10000^(-4k/d), k = 0 … 49, and not the 10000^(-2k/d) of the paper that it goes back to."""
    table = sinusoidal_table(1000, 100)
    assert table.shape == (1000, 100)
    for t in (0, 1, 7, 999):
        for k in (0, 1, 25, 49):
            angle = t * 10_000 ** (-4 * k / 100)
            assert table[t, 2 * k] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * k + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_other_sizes_are_refused():
    with pytest.raises(ConfigError, match="28×28 images of 1 channel"):
        OriginalUNet(8, 1)
