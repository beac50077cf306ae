"""Scores against independent implementations, closed forms and common sense."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import scipy.linalg
import torch

from dipddpm.data import load_dataset
from dipddpm.errors import NonFiniteImagesError
from dipddpm.feature_store import load_features
from dipddpm.pipeline import Run
from dipddpm.quality import (
    SCORES,
    Reference,
    fid,
    kid,
    nearest,
    precision_recall,
    psnr,
    recognisable_fid,
    ssim,
)
from dipddpm.randomness import generator


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(load_dataset("digits"), load_features(load_dataset("digits")), 300)


@pytest.fixture(scope="module")
def held_out() -> torch.Tensor:
    return load_dataset("digits").test.images


def features(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 64, dtype=torch.float64, generator=generator(seed, "features"))


def test_fid_agrees_with_a_float64_matrix_square_root():
    a = features(500, 0)
    b = features(400, 1) @ torch.diag(torch.linspace(0.5, 2, 64, dtype=torch.float64)) + 0.3
    mu, nu, s, c = a.mean(0), b.mean(0), np.cov(a.T.numpy()), np.cov(b.T.numpy())
    root = scipy.linalg.sqrtm(s @ c).real
    expected = float(((mu - nu) ** 2).sum()) + np.trace(s + c - 2 * root)
    assert fid(a, b) == pytest.approx(expected, rel=1e-6)


def test_fid_of_a_set_with_itself_vanishes():
    a = features(300, 0)
    assert fid(a, a) <= 1e-6 * np.trace(np.cov(a.T.numpy()))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_pixel_that_is_not_finite_has_no_score(reference, held_out, value):
    """NaN would otherwise be the best FID there can be: max(0.0, nan) is 0.0."""
    images = held_out.clone()
    images[7, 0, 3, 3] = value
    with pytest.raises(NonFiniteImagesError, match="1 of 300 drawn images hold values that are"):
        reference.score(images)
    broken = features(300, 0)
    broken[0, 0] = value
    assert math.isnan(fid(features(300, 1), broken))


def test_held_out_images_that_are_in_the_training_set_have_no_scale(reference, held_out):
    """A folder with duplicates: the distance of real images to the training set is 0."""
    copies = copy.copy(reference)
    copies.real_nearest = copies.real_contrast = 0.0
    scores = copies.score(held_out, held_out)
    for name in ("nearest_train", "nearest_source", "contrast"):
        assert math.isnan(scores[name]), name
    assert math.isfinite(scores["fid"])


def test_kid_agrees_with_its_definition():
    """With one subset that holds everything, KID is the unbiased estimator itself."""
    a, b = features(100, 0), features(100, 1) + 0.5

    def kernel(x, y):
        return (x @ y.T / 64 + 1) ** 3

    n = len(a)
    within = sum((kernel(x, x).sum() - kernel(x, x).diag().sum()) / (n * (n - 1)) for x in (a, b))
    expected = float(within - 2 * kernel(a, b).mean())
    mean, std = kid(a, b, seed=0)
    assert mean == pytest.approx(expected, rel=1e-4)
    assert std < 1e-6


def test_kid_leaves_the_global_random_state_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = kid(features(200, 0), features(200, 1), seed=0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    assert kid(features(200, 0), features(200, 1), seed=0) == first


def test_precision_and_recall():
    real = features(300, 0)
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 100) == (0.0, 0.0)
    # one cluster of two: everything generated is real, half of the real is missed
    two = torch.cat([real, real + 100])
    precision, recall = precision_recall(two, real[:150].repeat(4, 1) + 1e-6)
    assert precision == 1.0
    assert recall < 0.5


def test_psnr_and_ssim_of_known_errors():
    image = torch.zeros(2, 1, 8, 8)
    assert psnr(image + 0.2, image) == pytest.approx(20.0, abs=1e-4)  # 10 log10(4 / 0.04)
    digits = load_dataset("digits").test.images[:20]
    assert ssim(digits, digits) == pytest.approx(1.0, abs=1e-5)
    noisy = digits + 0.3 * torch.randn(digits.shape, generator=generator(0))
    assert 0.2 < ssim(noisy, digits) < 0.95


def test_nearest_is_a_root_mean_square_distance():
    others = torch.zeros(3, 1, 8, 8)
    others[1] = 1.0
    assert nearest(torch.full((1, 1, 8, 8), 0.9), others).item() == pytest.approx(0.1, abs=1e-4)


def test_real_images_score_the_floor_and_noise_the_ceiling(reference, held_out):
    scores = reference.score(held_out)
    assert scores["fid"] == pytest.approx(reference.fid_floor)
    assert scores["classes"] == 10
    assert scores["contrast"] == pytest.approx(1, abs=0.02)
    assert scores["nearest_train"] == pytest.approx(1)
    assert reference.fid_noise > 20 * reference.fid_floor


def test_recognisable_is_a_third_of_the_way_to_noise_on_a_logarithmic_scale(reference):
    floor, noise, limit = map(
        math.log, (reference.fid_floor, reference.fid_noise, reference.fid_threshold)
    )
    assert limit - floor == pytest.approx((noise - floor) / 3)
    assert recognisable_fid(0.0, 60.0) == 0.0


def degradations(images: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Series of growing damage, the first one none."""
    noise = torch.randn(images.shape, generator=generator(0))
    noisy = [(images + s * noise).clamp(-1, 1) for s in (0, 0.2, 0.4, 0.8)]
    blur = torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    blurred = [images]
    for _ in range(3):
        blurred.append(blur(blurred[-1]))
    labels = load_dataset("digits").test.labels
    missing = []
    for classes in (10, 7, 4, 1):
        kept = images[labels < classes]
        missing.append(kept.repeat(300 // len(kept) + 1, 1, 1, 1)[:300])
    return {"noise": noisy, "blur": blurred, "missing classes": missing}


def test_scores_grow_with_damage(reference, held_out):
    for name, series in degradations(held_out).items():
        scores = [reference.score(images) for images in series]
        fids, kids = [s["fid"] for s in scores], [s["kid"] for s in scores]
        assert fids == sorted(fids), name
        assert kids == sorted(kids), name


def test_the_second_network_sees_damage_that_the_classifier_hardly_sees(reference, held_out):
    """Digits that are blurred by half are read as well as others; they look different."""
    blur = torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    whole, blurred = (reference.score(held_out.lerp(blur(held_out), x)) for x in (0.0, 0.5))
    assert whole["fid_second"] == pytest.approx(reference.fid_second_floor)
    assert blurred["fid_second"] / whole["fid_second"] > 2 * blurred["fid"] / whole["fid"]


def test_images_near_their_sources_are_not_new(reference, held_out):
    far = held_out.roll(1, dims=0)
    assert reference.score(held_out, far)["fid_novel"] == reference.score(held_out)["fid"]
    assert reference.score(held_out)["fid_novel"] == reference.score(held_out)["fid"]
    near = held_out + 0.01 * torch.randn(held_out.shape, generator=generator(0))
    assert math.isnan(reference.score(held_out, near)["fid_novel"])


def test_without_second_features_there_is_no_second_fid(held_out):
    features = dataclasses.replace(load_features(load_dataset("digits")), second=None)
    alone = Reference(load_dataset("digits"), features, 300)
    assert math.isnan(alone.score(held_out)["fid_second"])
    assert math.isnan(alone.fid_second_floor)


def test_a_score_from_outside_is_found_in_the_record(tiny, monkeypatch):
    """One entry: a function of the drawn images, their features and the reference."""

    def feature_shift(drawn):
        return float((drawn.features.mean(0) - drawn.reference.real_features.mean(0)).norm())

    monkeypatch.setitem(SCORES, "feature_shift", feature_shift)
    run = Run(dataclasses.replace(tiny, epochs=1))
    (record,) = run.records()
    assert record.scores["feature_shift"] > 0
    row = record.row()
    assert row["feature_shift"] == record.scores["feature_shift"]
    assert list(row)[: len(SCORES)] == list(SCORES)


def test_copies_of_training_images_are_exposed(reference):
    train = load_dataset("digits").train.images[:300]
    scores = reference.score(train)
    assert scores["fid"] < 2 * reference.fid_floor  # by FID alone they look perfect
    assert scores["nearest_train"] == 0


def test_features_state_their_accuracy():
    dataset, shipped = load_dataset("digits"), load_features(load_dataset("digits"))
    right = sum(
        int((shipped.net(split.images).argmax(1) == split.labels).sum())
        for split in (dataset.validation, dataset.test)
    )
    assert right / 600 == pytest.approx(shipped.accuracy, abs=0.002)
    assert shipped.accuracy > 0.98
    assert shipped.net.features(dataset.test.images).shape == (300, 64)
