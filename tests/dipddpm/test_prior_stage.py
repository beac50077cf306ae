"""What the prior's stage may see: in the noisy regime nothing clean."""

import dataclasses

import pytest
import torch

from dipddpm import prior_stage
from dipddpm.data import load_dataset
from dipddpm.prior_stage import PriorStage, observe
from dipddpm.priors import PRIORS
from dipddpm.quality import psnr

CPU = torch.device("cpu")


def with_other_images(dataset):
    """The data set with grey squares for images, in every split."""
    splits = ("train", "start", "validation", "test", "full_train")
    others = {
        name: dataclasses.replace(split, images=torch.full_like(split.images, 0.25))
        for name in splits
        for split in [getattr(dataset, name)]
    }
    return dataclasses.replace(dataset, **others)


@pytest.mark.parametrize("prior", PRIORS)
def test_in_the_noisy_regime_clean_images_change_nothing(tiny, monkeypatch, prior):
    """The same noisy images with quite other clean ones: only what is measured differs."""
    config = dataclasses.replace(
        tiny, prior=prior, regime="noisy", std=0.5, prior_size=16, start_step=300, scored_images=10
    )
    digits = load_dataset("digits", train_size=96)
    expected = PriorStage(config, digits, CPU).run()

    def seen(images, config, purpose):
        return observe(getattr(digits, purpose).images[: len(images)], config, purpose)

    monkeypatch.setattr(prior_stage, "observe", seen)
    found = PriorStage(config, with_other_images(digits), CPU).run()
    assert torch.equal(found.prior, expected.prior)
    assert torch.equal(found.start, expected.start)
    assert found.saw == expected.saw
    if PRIORS[prior].restores:
        assert found.psnr != expected.psnr
        assert found.loss == expected.loss


@pytest.mark.parametrize("prior", [name for name in PRIORS if name != "none"])
def test_in_the_clean_regime_they_do(tiny, prior):
    config = dataclasses.replace(tiny, prior=prior, prior_size=16)
    digits = load_dataset("digits", train_size=96)
    stages = [
        PriorStage(config, images, CPU).run() for images in (digits, with_other_images(digits))
    ]
    assert not torch.equal(stages[0].prior, stages[1].prior)


ORIGINAL = {
    **{"restorer": "original", "dip_noise": "once", "dip_lr": 5e-3, "dip_steps": 120, "std": 0.5},
    **{"dip_batch_size": 4, "dip_width": 32},
}


def test_a_batch_that_was_fitted_is_restored_better_than_what_was_not(tiny):
    """In-sample the network has seen the noise as well, and learns it by heart."""
    config = dataclasses.replace(tiny, **ORIGINAL)
    digits = load_dataset("digits", train_size=96)
    found = PriorStage(config, digits, CPU).run()
    assert torch.equal(found.in_sample.clean, digits.train.images[:4])
    in_sample = psnr(found.in_sample.restored, found.in_sample.clean)
    assert in_sample > found.psnr + 3  # dB
    assert in_sample > psnr(found.in_sample.noisy, found.in_sample.clean)


def test_where_noise_is_fresh_or_no_batch_fixed_nothing_is_in_sample(tiny):
    digits = load_dataset("digits", train_size=96)
    for changes in ({}, {**ORIGINAL, "dip_noise": "fresh"}, {"prior": "none"}):
        found = PriorStage(dataclasses.replace(tiny, **changes), digits, CPU).run()
        assert len(found.in_sample.restored) == 0


def test_raw_output_leaves_the_range_and_clipped_output_is_the_same_within_it(tiny):
    digits = load_dataset("digits", train_size=96)
    raw, clipped = (
        PriorStage(dataclasses.replace(tiny, prior_output=name, **ORIGINAL), digits, CPU).run()
        for name in ("raw", "clip")
    )
    assert raw.prior.abs().max() > 1
    assert torch.equal(raw.prior.clamp(-1, 1), clipped.prior)


@pytest.mark.parametrize("prior", ["restorer", "dip", "gaussian"])
def test_starts_can_be_made_of_noise_without_any_image(tiny, prior):
    """Other images of the start split change nothing; the prior's output is no noise any more."""
    config = dataclasses.replace(
        tiny, prior=prior, prior_size=16, start_step=300, scored_images=10, start_images="noise"
    )
    digits = load_dataset("digits", train_size=96)
    others = dataclasses.replace(digits, start=with_other_images(digits).start)
    starts = [PriorStage(config, images, CPU).run().start for images in (digits, others)]
    assert torch.equal(*starts)
    restored = dataclasses.replace(config, start_images="restored")
    assert not torch.equal(PriorStage(restored, digits, CPU).run().start, starts[0])


def test_the_ddpms_noise_level_is_what_the_prior_undoes(tiny):
    """It sees and is measured on x_t, which a later t makes noisier."""
    digits = load_dataset("digits", train_size=96)
    found = [
        PriorStage(dataclasses.replace(tiny, dip_step=step), digits, CPU).run()
        for step in (100, 400)
    ]
    assert found[0].psnr_noisy > found[1].psnr_noisy + 3  # dB
    assert found[0].saw == "clean train[0:96], with noise of dip_step 100"
