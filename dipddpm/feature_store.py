"""Where features come from: shipped for just these images, or trained once and kept."""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import load, save

from dipddpm.cache import cache_folder
from dipddpm.data import DATA_SOURCES, Dataset
from dipddpm.feature_check import accuracy
from dipddpm.feature_training import VERSION, train_features
from dipddpm.features import BandFeatureNet, FeatureNet, Features, features_of
from dipddpm.progress import Progress, silent

FEATURES_FILE = "features.safetensors"
"""The features of a run or of a study, in its folder: it keeps them whatever the cache holds."""

NOISY_FEATURES_FILE = "features-noisy.safetensors"
"""The features of a study's noisy images, beside the others, in the noisy regime."""


def load_features(dataset: Dataset, progress: Progress = silent) -> Features:
    """Return the features of a data set, in evaluation mode, on the CPU.

    They are found by the identity of the images, never by a name. Where no data source ships
    features of these images, they are trained when first needed and kept in the user's cache. One
    process trains, and others wait for it.

    Args:
        progress: called with the stage ``features`` after each step of training.
    """
    if card := shipped_card(dataset):
        return _as_measured(shipped_features(card), dataset)
    return _trained(dataset, progress)


def shipped_card(dataset: Dataset) -> Path | None:
    """Return the card of the shipped features that serve just these images, if any."""
    for source in DATA_SOURCES.values():
        if source.card and json.loads(source.card.read_text())["identity"] == dataset.identity:
            return source.card
    return None


@functools.lru_cache(maxsize=2)
def shipped_features(card_file: Path) -> Features:
    """Return the features that a card describes, with the second ones that it names.

    Raises:
        RuntimeError: the weights beside it are not those that it names.
    """
    card = json.loads(card_file.read_text())
    weights = _as_shipped(card_file.parent, card["weights"], card["sha256"])
    net = FeatureNet(card["image_size"], card["channels"], card["num_classes"])
    net.load_state_dict(load(weights))
    named = card["second"]
    _as_shipped(card_file.parent, named["weights"], named["sha256"])
    second = read_features(card_file.parent / named["weights"])
    return Features(net.eval().requires_grad_(False), card["sha256"][:16], card, second)


def _as_shipped(folder: Path, name: str, sha256: str) -> bytes:
    """Return what a file of weights holds, if it has that hash; raise RuntimeError if not."""
    weights = (folder / name).read_bytes()
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise RuntimeError(f"the feature weights {name} are damaged: reinstall the package")
    return weights


@functools.lru_cache(maxsize=2)
def _as_measured(features: Features, dataset: Dataset) -> Features:
    """Return shipped features with the accuracy that they have on this copy of their images."""
    if _whole_hash(dataset) == features.card["dataset_hash"]:
        return features
    right = accuracy(features.net, dataset.validation, dataset.test)
    return dataclasses.replace(features, card={**features.card, "accuracy": right})


def _trained(dataset: Dataset, progress: Progress) -> Features:
    file = cache_folder() / f"features-v{VERSION}-{_whole_hash(dataset)}.safetensors"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            keep_features(train_features(dataset, progress), file)
    return read_features(file)


def keep_features(features: Features, file: Path) -> None:
    """Write features that were trained here to a file; the shipped ones need none."""
    if isinstance(features.net, BandFeatureNet):
        temporary = file.with_name(f".{file.name}")
        about = {"card": json.dumps(dict(features.card))}
        temporary.write_bytes(save(features.net.state_dict(), about))
        temporary.replace(file)


def kept_features(file: Path) -> Features | None:
    """Return the features that :func:`keep_features` wrote, or None if it did not need to."""
    return read_features(file) if file.exists() else None


def read_features(file: Path) -> Features:
    """Return the features in a file, in evaluation mode."""
    with safe_open(file, framework="pt") as opened:
        card = json.loads(opened.metadata()["card"])
    net = BandFeatureNet(card["image_size"], card["channels"], card["num_classes"])
    net.load_state_dict(load(file.read_bytes()))
    return features_of(net, card)


@functools.lru_cache(maxsize=2)
def _whole_hash(dataset: Dataset) -> str:
    """Return the hash of all images and labels, whatever ``train_size``."""
    return dataclasses.replace(dataset, train=dataset.full_train).hash
