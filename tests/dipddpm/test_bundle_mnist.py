"""The bundled part of MNIST: what is in it, that its card is true, and that it can be made anew."""

import dataclasses
import json

import pytest
import torch

from dipddpm import bundle_mnist
from dipddpm.bundle_mnist import DARKEST, PER_CLASS
from dipddpm.data import DATA_SOURCES, load_dataset
from dipddpm.feature_check import accuracy, checked_images, doubts, guessing
from dipddpm.feature_store import load_features, shipped_card
from dipddpm.mnist import BUNDLED
from dipddpm.pipeline import Run

CARD = BUNDLED.with_suffix(".json")


@pytest.fixture(scope="module")
def small():
    return load_dataset("mnist-small")


@pytest.fixture(scope="module")
def card():
    return json.loads(CARD.read_text())


def test_each_split_holds_as_many_images_of_each_class(small, card):
    assert small.shape == DATA_SOURCES["mnist-small"].shape == (1, 28, 28)
    for name, each in PER_CLASS.items():
        split = getattr(small, name)
        assert split.labels.bincount().tolist() == [each] * 10
        assert card["images"][name] == len(split.images) == 10 * each
    assert sum(card["images"].values()) == 10_000
    assert card["images_per_class"] == PER_CLASS


def test_the_first_images_of_a_split_are_of_all_classes(small):
    """A smaller ``train_size`` and a smaller number of scored images take the first ones."""
    for name in PER_CLASS:
        assert set(getattr(small, name).labels[:100].tolist()) == set(range(10)), name


def test_splits_share_no_image(small):
    images = torch.cat([getattr(small, name).images for name in PER_CLASS]).flatten(1)
    assert len(images.unique(dim=0)) == len(images) == 10_000


def test_the_card_bears_the_hash_and_the_licence_of_the_images(small, card):
    assert (card["dataset_hash"], card["identity"]) == (small.hash, small.identity)
    assert card["licence"] == DATA_SOURCES["mnist-small"].licence
    assert card["licence"].endswith("CC BY-SA 3.0")
    assert BUNDLED.stat().st_size < 3e6


def test_its_features_are_those_of_mnist_and_their_card_states_what_they_do_here(small):
    """They have seen MNIST's train split alone, so none of the images that are held out here."""
    ours, whole = (json.loads(DATA_SOURCES[n].card.read_text()) for n in ("mnist-small", "mnist"))
    features = load_features(small)
    assert shipped_card(small) == DATA_SOURCES["mnist-small"].card
    assert ours["sha256"] == whole["sha256"]
    assert features.description.startswith("mnist-features-v1@")
    measured = accuracy(features.net, small.validation, small.test)
    assert features.accuracy == pytest.approx(measured, abs=5e-4)
    held_out = {"guessing": guessing(small.validation.labels)}
    assert doubts({**ours, **held_out}) == []
    assert ours["checked_images"] == checked_images(small)


def test_a_run_on_it(tiny, monkeypatch, tmp_path):
    """Nothing is downloaded or kept: the user's cache stays as it was."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = dataclasses.replace(tiny, dataset="mnist-small", epochs=1)
    run = Run(config)
    record = next(run.records())
    assert record.dataset_hash == run.dataset.hash
    assert record.scores["fid"] > record.fid_floor
    assert run.pictures()["samples"].shape[1:] == (1, 28, 28)
    assert not (tmp_path / "cache").exists()


def test_its_splits_are_parts_of_those_of_mnist_but_for_the_darkest_grey_level(small, mnist_dir):
    mnist = load_dataset("mnist", str(mnist_dir))
    darkest = DARKEST / 127.5 - 1
    for name in PER_CLASS:
        part, whole = getattr(small, name), getattr(mnist, name)
        images = torch.where(whole.images <= darkest, -1.0, whole.images)
        rows = {
            image.numpy().tobytes(): int(label)
            for image, label in zip(images, whole.labels, strict=True)
        }
        for image, label in zip(part.images, part.labels, strict=True):
            assert rows[image.numpy().tobytes()] == label, name


def test_the_command_makes_the_same_bytes_again(mnist_dir, tmp_path, monkeypatch):
    flags = ["--data-dir", str(mnist_dir), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["bundle_mnist", *flags])
    bundle_mnist.main()
    for file in (BUNDLED, CARD):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
