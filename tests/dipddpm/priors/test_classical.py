"""The classical denoisers as priors, in both regimes."""

import numpy as np
import pytest
import torch

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import load_dataset
from dipddpm.errors import ConfigError
from dipddpm.priors import PRIORS, make_prior
from dipddpm.priors.classical import Classical
from dipddpm.priors.denoisers import PrincipalComponents, blur, less_variation
from dipddpm.quality import contrast, psnr
from dipddpm.randomness import generator

CLASSICAL = [name for name, prior in PRIORS.items() if issubclass(prior, Classical)]


def fit(images, **settings) -> Classical:
    prior = make_prior(RunConfig(**settings), images)
    prior.fit()
    return prior


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("regime", ["clean", "noisy"])
def test_held_out_images_come_nearer_to_the_clean_ones_and_keep_their_contrast(name, regime):
    digits = load_dataset("digits")
    train = digits.train.images[:192]
    seen = train if regime == "clean" else corrupt(train, 0.2, generator(2))
    prior = fit(seen, prior=name, regime=regime, std=0.2)
    clean = digits.validation.images[:150]
    noisy = corrupt(clean, 0.2, generator(1))
    restored = prior.restore(noisy)
    assert psnr(restored, clean) > psnr(undo_clipping(noisy, 0.2), clean) + 0.8  # dB
    assert contrast(restored) == pytest.approx(contrast(clean), rel=0.15)


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_strength_grows_with_the_noise(name):
    clean = load_dataset("digits").train.images[:96]
    weak, strong = (
        fit(corrupt(clean, std, generator(1)), prior=name, regime="noisy", std=std)
        for std in (0.05, 0.5)
    )
    assert weak.strength < strong.strength
    assert f"strength {weak.strength:.3g} by hidden pixels" in weak.saw(96)
    assert "noisy train[0:96] (std 0.05), nothing clean" in weak.saw(96)


def test_the_clean_regime_chooses_by_the_clean_images():
    clean = load_dataset("digits").train.images[:256]
    prior = fit(clean, prior="gaussian", std=0.3)
    noisy = prior.noisy[:128]
    losses = [
        float((prior._restoration(blur, s)(noisy) - clean[:128]).square().mean())
        for s in prior.strengths
    ]
    assert prior.strength == prior.strengths[int(np.argmin(losses))]
    assert prior.loss == pytest.approx(min(losses))


def test_principal_components_of_few_kinds_of_images_are_found_in_the_noise():
    """Two faint patterns, in noise that hides each single image: the others show what they are."""
    patterns = torch.randn(2, 64, generator=generator(0)).sign() * 0.4
    shares = torch.randn(1000, 2, generator=generator(1))
    clean = (shares @ patterns).view(1000, 1, 8, 8)
    noisy = clean + 0.5 * torch.randn(clean.shape, generator=generator(2))
    shrink = PrincipalComponents(RunConfig(prior="pca", regime="noisy"), noisy).denoiser(noisy)
    error = (shrink(noisy, 0.5) - clean).square().mean()
    assert error < 0.25 * 0.06  # of the noise's variance; two of 64 directions are 0.03 of it
    wiener = 0.25 * (2 / 64)
    assert error > wiener * 0.5


def test_colours_are_denoised_one_by_one():
    grey = load_dataset("digits").train.images[:4]
    colours = torch.cat([grey, -grey, grey * 0], dim=1)
    for denoise in (blur, less_variation):
        whole = denoise(colours, 0.5)
        for channel in range(3):
            one = denoise(colours[:, channel : channel + 1], 0.5)
            torch.testing.assert_close(whole[:, channel : channel + 1], one)


def test_images_that_cannot_be_taken_are_refused():
    with pytest.raises(ConfigError, match="train_size is 15; expected at least 16 for gaussian"):
        make_prior(RunConfig(prior="gaussian"), torch.zeros(15, 1, 8, 8))
    with pytest.raises(ConfigError, match="image_size is '3×64×64'; expected at most 4096 values"):
        make_prior(RunConfig(prior="pca"), torch.zeros(16, 3, 64, 64))
