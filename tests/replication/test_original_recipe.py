"""The as-reported runs, to 1e-6, against a port of the original's formulas that shares no code."""

import dataclasses

import pytest
import torch
from support import original_port as port
from torch.nn import functional as F

from dipddpm import diffusion
from dipddpm.config import preset
from dipddpm.networks.original_unet import OriginalUNet
from dipddpm.networks.restorers import OriginalRestorer
from dipddpm.priors import make_prior
from dipddpm.randomness import generator
from dipddpm.training import Trainer, draw
from study.replication.condition_names import ALONE, as_reported_name, setting_name
from study.replication.condition_plans import plans_of

CLOSE = {"rtol": 1e-6, "atol": 1e-6}
COMBINED = setting_name(1e-3, 5e-4, 1.0)


@pytest.fixture(autouse=True)
def double_precision():
    """In float64 two orders of the same sums agree to far more than 1e-6."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope="module")
def plans():
    return plans_of(preset("original", dip_steps=350, train_size=6016))


@pytest.fixture
def images():
    return torch.rand(8, 1, 28, 28, generator=generator(0)) * 2 - 1


def ported(net: OriginalUNet) -> port.Denoiser:
    """The port with the weights of a network: layers of each kind are paired in their order."""
    theirs = port.Denoiser()
    levels = (theirs.down1, theirs.down2, theirs.down3, theirs.middle)
    levels += (theirs.up1, theirs.up2, theirs.up3)
    in_order = {
        torch.nn.Linear: [layer for x in levels for layer in (x.bias1, x.bias2)],
        torch.nn.LayerNorm: [norm for x in levels for norm in x.norms],
        torch.nn.ConvTranspose2d: [
            layer for x in levels for layer in x.then if isinstance(layer, torch.nn.ConvTranspose2d)
        ],
        torch.nn.Conv2d: [layer for x in levels for layer in convolutions(x)],
    }
    for kind, others in in_order.items():
        ours = [layer for layer in net.modules() if isinstance(layer, kind)]
        for a, b in zip(ours, others, strict=True):
            b.load_state_dict(a.state_dict())
    return theirs


def convolutions(level: port.Level) -> list[torch.nn.Conv2d]:
    """A level's convolutions as they are applied."""
    blocks = [conv for pair in zip(level.convs1, level.convs2, strict=True) for conv in pair]
    return blocks + [layer for layer in level.then if isinstance(layer, torch.nn.Conv2d)]


def test_the_time_table():
    theirs = torch.tensor([port.table_row(t) for t in range(1000)])
    torch.testing.assert_close(OriginalUNet(28, 1).table.weight.double(), theirs, **CLOSE)


def test_the_schedule(plans):
    run = plans[as_reported_name(ALONE)].config
    schedule = diffusion.make_schedule(run.schedule, run.timesteps)
    torch.testing.assert_close(schedule.betas, torch.tensor(port.BETAS), **CLOSE)
    torch.testing.assert_close(schedule.alphas_cumprod, torch.tensor(port.ALPHA_BARS), **CLOSE)


def test_the_denoiser(images):
    net = OriginalUNet(28, 1).double()  # the table too
    theirs = ported(net)
    assert sum(p.numel() for p in theirs.parameters()) + 1000 * 100 == 606_852
    t = torch.tensor([0, 1, 20, 250, 500, 750, 998, 999])
    torch.testing.assert_close(net(images, t), theirs(images, t), **CLOSE)


@pytest.mark.parametrize("name", [ALONE, COMBINED])
def test_updates_have_the_same_losses(plans, images, name):
    """Adam on the mean squared error of ε, on images in the range that the run has them in."""
    run, images = (
        dataclasses.replace(plans[as_reported_name(name)].config, batch_size=2),
        images[:2],
    )
    trainer = Trainer(run, images, images)
    trainer.model.double()
    theirs = ported(trainer.model)
    optimizer = torch.optim.Adam(theirs.parameters(), 1e-3 if name == ALONE else 5e-4)
    rng = generator(run.seed, "ddpm")
    x0 = images if name == ALONE else (images + 1) / 2
    for _ in range(3):
        t = torch.randint(1000, (2,), generator=rng)
        noise = torch.randn(x0.shape, generator=rng)
        loss = F.mse_loss(theirs(port.noised(x0, t, noise), t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.testing.assert_close(trainer.step(trainer.images), loss.detach(), **CLOSE)


def test_the_sampler_and_what_is_shown(plans):
    """All thousand steps, unclipped: the values leave the range of images, and are shown."""
    run = plans[as_reported_name(COMBINED)].config
    weight = 0.9 + 0.05 * torch.rand(1, 28, 28, generator=generator(1))

    def denoiser(x, t):
        return torch.tanh(x * weight) + t.view(-1, 1, 1, 1) / 5000

    seen = []
    drawn = draw(denoiser, run, 2, (1, 28, 28), generator(2), watch=seen.append)
    rng = generator(2)
    start, *noises = (torch.randn(2, 1, 28, 28, generator=rng) for _ in range(1000))
    theirs = port.sample(denoiser, start, noises)
    assert theirs.abs().max() > 1
    torch.testing.assert_close((seen[-1] + 1) / 2, theirs, **CLOSE)
    shown = torch.stack([port.shown(image) for image in theirs])
    torch.testing.assert_close((drawn + 1) / 2, shown, **CLOSE)


def test_the_restorer_its_noise_its_fit_and_what_it_hands_on(plans, images):
    """Adam on one batch whose noise is drawn once, applied to clean images, unclipped, unscaled."""
    images = images[:2]
    combined = plans[as_reported_name(COMBINED)].config
    run = dataclasses.replace(combined, dip_batch_size=2, dip_steps=3)
    prior = make_prior(run, images)
    theirs = port.restorer()
    theirs.load_state_dict(prior.net.state_dict())
    assert isinstance(prior.net, OriginalRestorer)
    clean = (images + 1) / 2
    noise = torch.randn(images.shape, generator=generator(run.seed, "restorer noise"))
    noisy = torch.clip(clean + run.std * noise, 0, 1)
    torch.testing.assert_close((prior.noisy + 1) / 2, noisy, **CLOSE)
    optimizer = torch.optim.Adam(theirs.parameters(), run.dip_lr)
    losses = []
    for _ in range(3):
        losses.append(F.mse_loss(theirs(noisy), clean))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    prior.fit()
    # our squared errors are on [-1, 1], four times as large
    torch.testing.assert_close(prior.losses / 4, torch.stack(losses).detach(), **CLOSE)
    with torch.no_grad():
        torch.testing.assert_close((prior.restore(images) + 1) / 2, theirs(clean), **CLOSE)
