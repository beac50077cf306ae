"""What the prior's stage may see: in the noisy regime nothing clean."""

import dataclasses

import pytest
import torch

from dipddpm import prior_stage
from dipddpm.data import load_dataset
from dipddpm.prior_stage import PriorStage, observe
from dipddpm.priors import PRIORS

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
