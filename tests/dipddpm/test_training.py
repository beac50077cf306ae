"""The trainer's settings that change what its network is given, and how."""

import dataclasses

import pytest
import torch
from support.float32_device import crossings, float32_device
from torch.optim.swa_utils import AveragedModel

from dipddpm.data import load_dataset
from dipddpm.images import rescale
from dipddpm.original_loaders import OriginalLoader
from dipddpm.priors.restorer import Restorer
from dipddpm.randomness import generator
from dipddpm.training import Trainer, draw, steps_per_epoch


@pytest.fixture(scope="module")
def images():
    return load_dataset("digits").train.images[:96]


def trainer(tiny, images, **changes):
    return Trainer(dataclasses.replace(tiny, batch_size=32, **changes), images, images)


def test_the_unit_range_is_what_the_network_learns_from(tiny, images):
    unit = trainer(tiny, images, value_range="unit").images
    torch.testing.assert_close(unit, (images + 1) / 2)
    assert torch.equal(trainer(tiny, images).images, images)


def test_samples_and_sources_are_in_the_symmetric_range_whatever_the_network_sees(tiny, images):
    """A denoiser that knows the noise of a start image gives that image back."""
    config = dataclasses.replace(tiny, value_range="unit", start_step=100, sampler_steps=1000)
    config = dataclasses.replace(config, eta=0.0)
    source = images[:4]
    schedule = trainer(tiny, images).schedule

    def denoiser(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        return (x - alpha_bar.sqrt() * (source + 1) / 2) / (1 - alpha_bar).sqrt()

    watched = []
    drawn = draw(
        denoiser, config, 4, source.shape[1:], generator(0), sources=source, watch=watched.append
    )
    torch.testing.assert_close(drawn, source, atol=1e-3, rtol=0)
    torch.testing.assert_close(watched[-1], source, atol=1e-3, rtol=0)


def test_a_mixed_start_is_noise_and_prior_image_by_the_weight(tiny, images, monkeypatch):
    """x_T = w p + √(1-w²) ε, up to what is left of the image at T; the trainer learns it so."""
    starts = []

    def sample(denoiser, schedule, x, timesteps, **rest):
        starts.append((x, timesteps[0].item()))
        return x

    monkeypatch.setattr("dipddpm.training.diffusion.sample", sample)
    made = trainer(tiny, images, start_weight=0.6, schedule="linear", spacing="time")
    made.sample(4, generator(0))
    noise = torch.randn((4, 1, 8, 8), generator=generator(0))
    ((x, t),) = starts
    assert t == 999
    torch.testing.assert_close(x, 0.6 * images[:4] + 0.8 * noise, atol=0.02, rtol=0)
    assert made.schedule.alphas_cumprod[-1].item() == pytest.approx(0.36, abs=0.01)


def test_the_loaders_give_the_same_batches(tiny, images):
    """But for the levels, of which PIL knows 256."""
    for value_range in ("symmetric", "unit"):
        tensor, per_image = (
            list(trainer(tiny, images, loader=name, value_range=value_range).batches())
            for name in ("tensor", "per-image")
        )
        assert len(tensor) == len(per_image) == 3
        step = 2 / 255 if value_range == "symmetric" else 1 / 255
        for a, b in zip(tensor, per_image, strict=True):
            torch.testing.assert_close(a, b, atol=step / 2 + 1e-6, rtol=0)


def test_images_are_loaded_one_by_one_by_torchvisions_own_code(images):
    from torchvision.datasets import CIFAR10, MNIST

    colour = images.repeat(1, 3, 1, 1)
    for kind, those in ((MNIST, images), (CIFAR10, colour)):
        loader = OriginalLoader("per-image", those, "symmetric", 32)
        assert type(loader.dataset).__getitem__ is kind.__getitem__
        assert len(loader.dataset) == 96
        (first, *_) = loader.batches(torch.arange(96))
        torch.testing.assert_close(first, those[:32], atol=1 / 255 + 1e-6, rtol=0)


def test_a_tensor_data_set_is_read_in_order_and_to_its_last_image(tiny, images):
    """So was the original's restored set; our own loader leaves out what fills no batch."""
    ordered = trainer(tiny, images[:70], loader="tensor-dataset", value_range="unit")
    batches = list(ordered.batches())
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert torch.equal(torch.cat(batches), (images[:70] + 1) / 2)
    assert ordered.steps_per_epoch == 3
    one_by_one = trainer(tiny, images[:70], loader="per-image")
    assert one_by_one.steps_per_epoch == len(list(one_by_one.batches())) == 3
    assert trainer(tiny, images[:70]).steps_per_epoch == 2
    ordered.train_epoch()
    assert len(ordered.step_seconds) == 3


def test_the_originals_epoch_has_469_batches(tiny):
    config = dataclasses.replace(tiny, batch_size=128, loader="tensor-dataset")
    assert steps_per_epoch(config, 60_000) == 469


def test_the_per_image_loader_leaves_the_global_random_state_alone(tiny, images):
    before = torch.get_rng_state()
    trainer(tiny, images, loader="per-image").train_epoch()
    assert torch.equal(before, torch.get_rng_state())


def weights(module):
    return torch.cat([value.flatten().clone() for value in module.state_dict().values()])


def test_without_an_average_the_weights_are_the_last_ones(tiny, images):
    last = trainer(tiny, images, ema_decay=0.0)
    last.train_epoch()
    averaged = last.ema.state_dict()
    assert all(torch.equal(v, averaged[k]) for k, v in last.model.state_dict().items())


def test_the_average_is_that_of_torch_bit_by_bit(tiny, images):
    """Its decay is min(d, (1+n)/(10+n)), and the first weights it takes as they are."""
    ours = trainer(tiny, images, ema_decay=0.3)

    def average(averages, weights, n):
        torch._foreach_lerp_(averages, weights, 1 - min(0.3, (1 + int(n)) / (10 + int(n))))

    theirs = AveragedModel(ours.model, multi_avg_fn=average)
    for batch in images.split(16):
        ours.step(batch)
        theirs.update_parameters(ours.model)
        assert torch.equal(weights(ours.ema), weights(theirs.module))
    assert not torch.equal(weights(ours.ema), weights(ours.model))


@pytest.mark.parametrize("changes", [{}, {"prediction": "epsilon", "min_snr": 0.0}], ids=["v", "ε"])
def test_no_step_copies_from_or_to_the_device_or_waits_for_it(tiny, images, changes):
    """What an epoch does so at its ends does not grow with the number of its steps."""
    with float32_device() as device:
        on_device, counts = images.to(device), []
        for size in (48, 8):
            config = dataclasses.replace(tiny, batch_size=size, **changes)
            training = Trainer(config, on_device, on_device)
            with crossings() as found:
                training.train_epoch()
            counts.append(len(found))
        assert counts[0] == counts[1] > 0  # the losses are looked at
        with crossings() as found:
            float(training.step(on_device[:8]))
        assert len(found) == 1


def test_no_step_of_a_restorer_copies_from_or_to_the_device_or_waits_for_it(tiny, images):
    with float32_device() as device:
        on_device, counts = images.to(device), []
        for steps in (2, 8):
            fit = Restorer(dataclasses.replace(tiny, dip_steps=steps), on_device)
            with crossings() as found:
                fit.fit()
            counts.append(len(found))
        assert counts[0] == counts[1] > 0


def test_the_weights_of_the_best_epoch_are_kept(tiny, images, monkeypatch):
    best = trainer(tiny, images, sampling_weights="best-epoch")
    losses = iter([3.0, 3.0, 3.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0])  # three steps an epoch
    step = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self, x: step(self, x).mul(0).add(next(losses)))
    after = []
    for epoch in range(3):
        if epoch == 2:  # what is best is known after a resume too
            state, best = best.state_dict(), trainer(tiny, images, sampling_weights="best-epoch")
            best.load_state_dict(state)
        best.train_epoch()
        after.append(weights(best.model))
        assert torch.equal(weights(best.ema), after[min(epoch, 1)])
    assert not torch.equal(after[1], after[2])


def test_clipped_at_each_step_or_rescaled_at_the_end(tiny, images):
    """A denoiser that sees no noise makes the predicted image as large as x_t / √ᾱ_t."""
    for value_range in ("symmetric", "unit"):
        one_step = {"prediction": "epsilon", "eta": 0.0, "sampler_steps": 1}
        config = dataclasses.replace(tiny, value_range=value_range, **one_step)
        drawn, seen = {}, {}
        for fitting in ("clip", "rescale"):
            watched = []
            drawn[fitting] = draw(
                lambda x, t: 0 * x,
                dataclasses.replace(config, output_range=fitting),
                4,
                images.shape[1:],
                generator(0),
                watch=watched.append,
            )
            seen[fitting] = watched[-1]
        assert seen["clip"].min() == -1  # 0 in [0, 1]
        assert seen["rescale"].abs().max() > 10
        torch.testing.assert_close(drawn["rescale"].amin((1, 2, 3)), -torch.ones(4))
        torch.testing.assert_close(drawn["rescale"].amax((1, 2, 3)), torch.ones(4))


def test_rescaling_undoes_brightness_and_contrast(images):
    own = rescale(images)
    torch.testing.assert_close(rescale(3 * images + 7), own)
    assert torch.isfinite(rescale(torch.zeros(2, 1, 8, 8))).all()
