"""The features of a study: made once, kept in its folder, told of."""

import dataclasses
import io
import shutil
from types import SimpleNamespace

import pytest
from rich.console import Console

from dipddpm.data import Split, load_dataset
from study.commands.study_features import study_features


@pytest.fixture
def unlabelled(tmp_path, monkeypatch):
    """Digits of which nobody has features, and a training of few steps that knows little."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("dipddpm.feature_training.MOST_STEPS", 25)
    monkeypatch.setattr("dipddpm.feature_training.ROUND", 25)
    digits = load_dataset("digits")
    names = ("train", "start", "validation", "test", "full_train")
    splits = {name: getattr(digits, name) for name in names}
    return dataclasses.replace(
        digits,
        **{name: Split(split.images, split.labels * 0) for name, split in splits.items()},
    )


def opened(path, dataset, std=None):
    """The features of a study in ``path``, what ``study.json`` says, and what is printed."""
    path.mkdir(exist_ok=True)
    folder = SimpleNamespace(path=path, info={"status": "running"}, set_status=lambda status: None)
    said = io.StringIO()
    features = study_features(dataset, folder, Console(file=said, width=200), std)
    return features, folder.info["features"], said.getvalue().splitlines()


def test_a_study_trains_features_once_says_so_and_keeps_them(unlabelled, tmp_path):
    features, card, said = opened(tmp_path / "study", unlabelled)
    assert said[0] == "no features of these images are known: training some, once"
    assert said[1].startswith("their training takes at most 0:")
    assert said[2].startswith("trained in 0:")
    assert said[3:] == [
        f"scores on the features of these images are in doubt: {d}" for d in features.doubts
    ]
    assert card == {**features.card, "hash": features.hash}

    _, _, said = opened(tmp_path / "second", unlabelled)  # they are in the cache
    assert said == [
        f"scores on the features of these images are in doubt: {d}" for d in features.doubts
    ]

    shutil.rmtree(tmp_path / "cache")  # as on another machine
    (tmp_path / "second" / "features.safetensors").unlink()
    again, _, said = opened(tmp_path / "study", unlabelled)
    assert again == features
    assert not any("training" in line for line in said)


def test_shipped_features_are_neither_trained_nor_kept(tmp_path):
    features, card, said = opened(tmp_path / "study", load_dataset("digits"))
    assert said == []
    assert list((tmp_path / "study").iterdir()) == []
    assert card["name"] == features.card["name"] == "digits-features-v1"


def test_noisy_images_have_features_of_their_own_that_are_kept(unlabelled, tmp_path):
    digits = load_dataset("digits")
    features, _, said = opened(tmp_path / "study", digits, std=0.5)
    assert said[0] == "no features of these noisy images are known: training some, once"
    assert features.card["name"] == "digits-features-v1"
    assert features.noisy.card["name"] == "digits-noisy-0.5-features-v2"
    assert [file.name for file in (tmp_path / "study").iterdir()] == ["features-noisy.safetensors"]
    shutil.rmtree(tmp_path / "cache")
    again, _, _ = opened(tmp_path / "study", digits, std=0.5)
    assert again.noisy == features.noisy
