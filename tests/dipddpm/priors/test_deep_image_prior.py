import pytest
import torch

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.priors import DeepImagePrior, make_prior
from dipddpm.quality import psnr
from dipddpm.randomness import generator

FIT = {"dip_width": 8, "dip_lr": 1e-2, "dip_steps": 120, "seed": 0, "dip_stop": "variance"}


def fit_images(images: torch.Tensor, **settings) -> tuple[torch.Tensor, torch.Tensor]:
    """The restored images, and the step that each was taken at."""
    prior = make_prior(RunConfig(prior="dip", **settings), images)
    prior.fit()
    return prior.restore(images), prior.best_step


def smooth_images(n: int) -> torch.Tensor:
    """Blobs of 16×16, which a prior for images should prefer to noise: (n, 1, 16, 16)."""
    centres = 4 + 8 * torch.rand(n, 2, 1, 1, generator=generator(0))
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"))
    distance = (grid - centres).square().sum(dim=1, keepdim=True)
    return 2 * torch.exp(-distance / 18) - 1


def test_it_draws_the_image_before_the_noise_and_stops_there():
    """No clean image is passed in; the stop is still near the best of the whole fit."""
    clean = smooth_images(8)
    noisy = (clean + 0.5 * torch.randn(clean.shape, generator=generator(1))).clamp(-1, 1)
    restored, steps = fit_images(noisy, **FIT)
    assert psnr(restored, clean) > psnr(noisy, clean) + 3  # dB
    late, _ = fit_images(noisy, **FIT | {"dip_steps": 1000})
    assert psnr(late, clean) > psnr(noisy, clean) + 3  # it does not go on into the noise
    assert steps.float().mean() < 110


@pytest.mark.parametrize("dip_input", ["code", "output"])
def test_a_simulation_of_the_noise_finds_the_step_for_all_images(dip_input):
    """Nothing clean is passed in, and the stop is nearly the best that one step for all can be."""
    clean = smooth_images(8)
    noisy = corrupt(clean, 0.4, generator(1))
    settings = {**FIT, "regime": "noisy", "std": 0.4, "dip_steps": 250, "dip_input": dip_input}
    restored, steps = fit_images(noisy, **settings | {"dip_stop": "simulation"})
    assert len(set(steps.tolist())) == 1
    prior, course = DeepImagePrior(RunConfig(prior="dip", **settings), noisy), []
    while prior.done < 250:
        prior.step()
        course.append(psnr(undo_clipping(prior.average, 0.4), clean))
    assert psnr(restored, clean) == pytest.approx(course[int(steps[0])], abs=1e-3)
    assert psnr(restored, clean) > max(course) - 1  # dB
    assert max(course) > course[-1] + 2  # all steps would be far too many


def test_without_noise_there_is_nothing_to_simulate_and_all_steps_are_made():
    long = FIT | {"dip_steps": 40, "dip_stop": "simulation"}
    _, steps = fit_images(smooth_images(2), **long)
    assert steps.tolist() == [39, 39]


def test_the_output_becomes_the_input_at_every_second_step():
    images = smooth_images(2)
    prior = DeepImagePrior(RunConfig(prior="dip", **FIT, dip_input="output"), images)
    assert torch.equal(prior.source, images)
    prior.step()
    assert torch.equal(prior.source, images)
    before = {name: value.detach().clone() for name, value in prior.weights.items()}
    prior.step()
    torch.testing.assert_close(prior.source, prior.draw_all(before, images).detach())


def test_each_image_is_fitted_as_if_alone():
    noisy = corrupt(load_dataset("digits").train.images[:3], 0.3, generator(1))
    other = torch.cat([noisy[:2], -noisy[2:]])
    first, _ = fit_images(noisy, **FIT)
    second, _ = fit_images(other, **FIT)
    torch.testing.assert_close(first[:2], second[:2])
    assert (first[2] - second[2]).abs().max() > 0.1


def test_the_same_seed_gives_the_same_images():
    noisy = corrupt(load_dataset("digits").train.images[:2], 0.3, generator(1))
    short = FIT | {"dip_steps": 5}
    torch.manual_seed(1)
    first, steps = fit_images(noisy, **short)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second, _ = fit_images(noisy, **short)
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert steps.tolist() == [4, 4]  # shorter than the burn-in: the last average
    assert not torch.equal(fit_images(noisy, **short | {"seed": 1})[0], first)


def test_a_single_image_and_a_constant_one():
    flat = torch.full((1, 1, 8, 8), 0.25)
    restored, _ = fit_images(flat, **FIT)
    assert (restored - flat).abs().max() < 0.2


def test_colour():
    restored, _ = fit_images(torch.zeros(2, 3, 8, 8), **FIT | {"dip_steps": 2})
    assert restored.shape == (2, 3, 8, 8)


def test_a_fit_that_has_stopped_goes_no_further_when_it_is_continued():
    """All images have stopped long before the last step; the state is that of the last one made."""
    images, config = smooth_images(2), RunConfig(prior="dip", **FIT | {"dip_steps": 1000})
    prior, states = DeepImagePrior(config, images), {}
    prior.fit(lambda stage, done, total: states.update({done: prior.state_dict()}))
    assert max(states) < 1000
    again, ticks = DeepImagePrior(config, images), []
    again.load_state_dict(states[max(states)])
    again.fit(lambda *event: ticks.append(event))
    assert ticks == []
    assert (again.loss, again.saw(2)) == (prior.loss, prior.saw(2))
    assert torch.equal(again.restore(images), prior.restore(images))


def test_it_restores_no_other_images_than_those_it_was_fitted_to():
    prior = DeepImagePrior(
        RunConfig(prior="dip", **FIT | {"dip_steps": 2}), torch.zeros(2, 1, 8, 8)
    )
    with pytest.raises(ValueError, match="the images that it was fitted to"):
        prior.restore(torch.zeros(2, 1, 8, 8))
    prior.fit()
    with pytest.raises(ValueError, match="the images that it was fitted to"):
        prior.restore(torch.zeros(3, 1, 8, 8))


def test_errors():
    with pytest.raises(ConfigError, match="image_size is '10×8'; expected multiples of 4"):
        fit_images(torch.zeros(1, 1, 10, 8), **FIT)
    with pytest.raises(NonFiniteLossError, match=r"DIP loss is not finite at step \d+"):
        fit_images(torch.zeros(1, 1, 8, 8), **FIT | {"dip_lr": 1e38})
