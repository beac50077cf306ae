"""Features for images of one's own: that they know images whatever the labels teach."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from dipddpm.data import WEIGHTS, Dataset, Split, cut, load_dataset, shuffled
from dipddpm.feature_check import doubts
from dipddpm.feature_store import keep_features, kept_features, load_features, shipped_features
from dipddpm.feature_training import MOST_STEPS, degraded, moved, train_features
from dipddpm.features import SOFT_LIMIT, bands
from dipddpm.quality import Reference
from dipddpm.randomness import generator


def patches(labels: str) -> Dataset:
    """Textures of 8×8 pixels, reddish and bluish; the labels say which, or nothing."""
    rng = np.random.RandomState(0)
    colour = np.arange(800) % 2
    base = np.where(colour[:, None] == 0, [[180, 70, 60]], [[60, 80, 180]])[:, :, None, None]
    waves = np.sin(
        np.arange(8) * rng.uniform(0.5, 1.5, (800, 3, 1, 1)) + rng.rand(800, 1, 1, 1) * 6
    )
    pixels = (base + 40 * waves + 20 * waves.swapaxes(2, 3)).clip(0, 255)
    kinds = {"colour": colour, "none": np.zeros(800, int)}
    return cut("patches", shuffled(pixels, kinds[labels], white=255), 560, 80, 80)


@pytest.fixture(scope="module")
def trained():
    """Features of each set, with the steps that they were told of."""
    found = {}
    for labels in ("colour", "none"):
        told: list[tuple] = []
        found[labels] = (train_features(patches(labels), lambda *step: told.append(step)), told)  # noqa: B023
    return found


@pytest.mark.parametrize("labels", ["colour", "none"])
def test_noise_blur_and_shuffled_pixels_are_told_from_real_images(trained, labels):
    features, _ = trained[labels]
    assert features.doubts == []
    assert features.doubts == doubts(features.card)


def test_scores_see_noise_and_one_image_again_and_again(trained):
    """By easy labels alone noise had a precision of 0.925 on such images."""
    dataset, (features, _) = patches("colour"), trained["colour"]
    reference = Reference(dataset, features, 80)
    noise = torch.rand(80, 3, 8, 8, generator=generator(0)) * 2 - 1
    assert reference.score(noise)["precision"] == 0
    assert reference.fid_noise > 10 * reference.fid_floor
    one = dataset.test.images[:1].repeat(80, 1, 1, 1)
    scores = reference.score(one)
    assert scores["recall"] < 0.1
    assert scores["fid"] > 5 * reference.fid_floor


def test_what_the_labels_teach_is_measured_on_these_images_and_said(trained):
    easy, _ = trained["colour"]
    assert easy.accuracy > 0.95
    assert easy.card["tasks"].keys() == {"degraded", "instance", "classes"}
    assert f"accuracy {easy.accuracy:.4f}, {easy.card['guessing']:.4f} by g" in easy.description
    assert "in doubt" not in easy.description
    doubted = dataclasses.replace(easy, card={**easy.card, "doubts": ["one", "two"]})
    assert doubted.description.endswith("by guessing; in doubt: one and 1 more)")
    none, _ = trained["none"]
    assert none.card["tasks"].keys() == {"degraded", "instance"}
    assert "(64-d, no labels)" in none.description


def test_without_labels_scores_of_the_classifier_are_missing(trained):
    dataset, (features, _) = patches("none"), trained["none"]
    scores = Reference(dataset, features, 80).score(dataset.test.images)
    assert {name for name, value in scores.items() if value != value} == {
        "classes",
        "confidence",
        "nearest_source",
        "fid_second",
    }


def test_training_tells_its_steps_and_ends_when_the_check_is_passed(trained):
    features, told = trained["colour"]
    assert told[0] == ("features", 1, MOST_STEPS)
    assert told[-1] == ("features", features.card["steps"], features.card["steps"])
    assert features.card["steps"] < MOST_STEPS
    assert features.card["seconds"] > 0


def test_the_same_images_give_the_same_features_whatever_their_folder_is_called(monkeypatch):
    monkeypatch.setattr("dipddpm.feature_training.MOST_STEPS", 2)
    monkeypatch.setattr("dipddpm.feature_training.ROUND", 1)
    dataset = patches("colour")
    first = train_features(dataset)
    torch.manual_seed(5)
    again = train_features(dataclasses.replace(dataset, name="other"))
    assert first.hash == again.hash
    flipped = Split(dataset.full_train.images.flip(3), dataset.full_train.labels)
    assert train_features(dataclasses.replace(dataset, full_train=flipped)).hash != first.hash


def test_features_are_softly_limited_and_near_real_images_of_unit_variance(trained):
    dataset, (features, _) = patches("colour"), trained["colour"]
    real = features.net.features(dataset.train.images)
    assert real.std(0).mean() == pytest.approx(1, abs=0.15)
    noise = features.net.features(torch.rand(80, 3, 8, 8, generator=generator(0)) * 2 - 1)
    assert noise.abs().max() <= SOFT_LIMIT


def test_bands_add_up_to_the_image():
    image = torch.rand(2, 3, 8, 8, generator=generator(0))
    whole, fine, coarse = bands(image).split(3, dim=1)
    assert torch.equal(whole, image)
    rest = whole - fine - coarse
    assert rest.std() < 0.5 * image.std()


def test_a_degraded_image_says_how_much_of_it_is_real():
    images = patches("none").train.images[:40]
    bad, shares = degraded(images, generator(0))
    torch.testing.assert_close(shares.sum(1), torch.ones(40))
    assert (shares[:, 0] <= 0.5).all()
    assert bad.shape == images.shape
    assert ((bad - images).flatten(1).abs().amax(1) > 0).all()


def test_a_moved_image_is_the_image_elsewhere():
    images = patches("none").train.images[:20]
    inner = {(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    for image, copy in zip(images, moved(images, generator(0)), strict=True):
        middle = copy[:, 1:7, 1:7]
        found = [torch.equal(middle, image[:, 1 + y : 7 + y, 1 + x : 7 + x]) for y, x in inner]
        assert any(found)


def test_kept_features_come_back_as_they_were(trained, tmp_path):
    features, _ = trained["colour"]
    file = tmp_path / "features.safetensors"
    assert kept_features(file) is None
    keep_features(features, file)
    back = kept_features(file)
    assert back == features
    assert back.card == features.card
    images = patches("colour").test.images
    assert torch.equal(back.net.features(images), features.net.features(images))
    assert [path.name for path in tmp_path.iterdir()] == ["features.safetensors"]


def test_shipped_features_need_no_file(tmp_path):
    keep_features(load_features(load_dataset("digits")), tmp_path / "features.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["digits", "mnist-small"])
def test_shipped_features_have_second_ones_that_pass_their_check(name):
    second = load_features(load_dataset(name)).second
    assert second.hash != load_features(load_dataset(name)).hash
    assert second.doubts == []
    assert second.accuracy > 0.95


@pytest.mark.parametrize("part", ["weights", "second"])
def test_damaged_weights_are_refused(tmp_path, part):
    card = json.loads((WEIGHTS / "digits.json").read_text())
    damaged = card["weights"] if part == "weights" else card["second"]["weights"]
    shutil.copytree(WEIGHTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / damaged).write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match=f"{damaged} are damaged: reinstall"):
        shipped_features(tmp_path / "digits.json")


def test_the_accuracy_of_shipped_features_is_that_on_the_copy_they_are_used_for():
    """Copies in which grey level 1 reads 0 share the features, not the accuracy on the card."""
    digits = load_dataset("digits")
    darkest = digits.train.images.min()

    def lifted(split):
        return Split(
            torch.where(split.images == darkest, 1 / 127.5 - 1, split.images), split.labels
        )

    names = ("train", "start", "validation", "test", "full_train")
    copy = dataclasses.replace(digits, **{name: lifted(getattr(digits, name)) for name in names})
    net = load_features(digits).net
    measured = load_features(copy)
    held_out = [copy.validation, copy.test]
    right = sum(int((net(s.images).argmax(1) == s.labels).sum()) for s in held_out)
    assert measured.accuracy == right / 600
    assert measured.hash == load_features(digits).hash
