"""Restorations judged without a clean image: by noisy pixels that were hidden from them."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.restoration import calibrate_denoiser, denoise_tv_chambolle

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import load_dataset
from dipddpm.held_out_pixels import GRID, held_out_error, hidden_pixels, hide
from dipddpm.priors import make_prior
from dipddpm.priors.denoisers import less_variation
from dipddpm.quality import psnr
from dipddpm.randomness import generator


def test_every_pixel_is_hidden_once():
    image = torch.zeros(1, 1, 10, 7)
    assert sum(hidden_pixels(image, phase) for phase in range(GRID**2)).eq(1).all()


def test_hidden_pixels_become_the_mean_of_their_neighbours():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    hidden = torch.zeros(5, 5)
    hidden[2, 2] = hidden[0, 0] = 1
    got = hide(image, hidden)
    assert got[0, 0, 2, 2] == pytest.approx(12)
    assert got[0, 0, 0, 0] == pytest.approx((1 + 5 + 6) / 3)
    assert torch.equal(got * (1 - hidden), image * (1 - hidden))


def test_a_copy_of_the_noise_is_the_worst_and_the_clean_image_the_best():
    """The clean image's error is the variance of the noise; no restoration can have less."""
    clean = load_dataset("digits").train.images[:200]
    noisy = corrupt(clean, 0.3, generator(1))
    blank = held_out_error(torch.zeros_like, noisy, 0.3)
    perfect = held_out_error(lambda _: clean, noisy, 0.3)
    assert perfect < held_out_error(lambda images: images, noisy, 0.3) < blank


@pytest.mark.parametrize("std", [0.2, 0.5])
def test_it_ranks_restorations_as_psnr_does(std):
    """Different priors, and strengths of each, on digits; PSNR alone sees the clean images."""
    clean = load_dataset("digits").train.images
    noisy = corrupt(clean, std, generator(1))
    judged, shown = noisy[:500], clean[:500]
    errors, ratios = [], []
    for name in ("gaussian", "pca"):
        prior = make_prior(RunConfig(prior=name, regime="noisy", std=std), noisy[500:])
        denoise = prior.denoiser(prior.noisy)
        for strength in prior.strengths:
            restore = prior._restoration(denoise, strength)
            errors.append(held_out_error(restore, judged, std))
            ratios.append(psnr(restore(judged), shown))
    assert spearmanr(errors, ratios).statistic < -0.7
    chosen = ratios[errors.index(min(errors))]
    assert chosen > max(ratios) - 0.5  # dB


def test_it_chooses_as_scikit_images_calibration_does():
    """An independent implementation, which knows no clipping and takes one image at a time."""
    image = torch.kron(load_dataset("digits").train.images[:16], torch.ones(4, 4))
    image = image.view(1, 1, 128, 128)  # sixteen large digits, a strip each
    noisy = corrupt(image, 0.2, generator(1))
    weights = np.geomspace(0.02, 2, 12).tolist()
    _, (_, losses) = calibrate_denoiser(
        noisy[0, 0].numpy(), denoise_tv_chambolle, {"weight": weights}, extra_output=True
    )
    errors = [
        held_out_error(lambda y, w=w: undo_clipping(less_variation(y, w), 0.2), noisy, 0.2)
        for w in weights
    ]
    assert abs(int(np.argmin(losses)) - int(np.argmin(errors))) <= 1
    assert spearmanr(losses, errors).statistic > 0.9
