"""Runs in the noisy regime whose clean images are others than those that were corrupted."""

import dataclasses
from typing import Any

import pytest

from dipddpm.config import RunConfig
from dipddpm.data import Dataset, Split
from dipddpm.features import Features
from dipddpm.noisy_quality import as_observed
from dipddpm.pipeline import dataset_of
from dipddpm.prior_stage import observe
from study.problem import trainable


def negatives(dataset: Dataset) -> Dataset:
    """Return the data set with each image as its negative, in every split."""
    names = ("train", "start", "validation", "test", "full_train")
    splits = {name: getattr(dataset, name) for name in names}
    poisoned = {name: Split(-split.images, split.labels) for name, split in splits.items()}
    return dataclasses.replace(dataset, **poisoned)


def poison(patch: pytest.MonkeyPatch, config: RunConfig) -> None:
    """Let runs read negatives for clean images; what they observe, with noise, stays as it was."""
    real = dataset_of(config)
    others = negatives(real)
    patch.setattr("dipddpm.pipeline.dataset_of", lambda config: others)
    patch.setattr("dipddpm.pipeline.as_observed", lambda _, std: as_observed(real, std))

    def seen(images, config, purpose):
        return observe(getattr(real, purpose).images[: len(images)], config, purpose)

    patch.setattr("dipddpm.prior_stage.observe", seen)


def train(
    parameters: dict[str, Any], run_config: RunConfig, features: Features, is_poisoned: bool
) -> None:
    """Train a trial of a study, on poisoned images or as it is."""
    with pytest.MonkeyPatch.context() as patch:
        if is_poisoned:
            poison(patch, run_config)
        trainable.train(parameters, run_config, features, 1, "cpu")
