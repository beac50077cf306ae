"""The features of a study: made once before its trials, kept in its folder, and carried to each.

Trials on other nodes, and those of a resumed study, would otherwise train features of their own,
and their scores would not compare.
"""

import dataclasses
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dipddpm.data import Dataset
from dipddpm.feature_store import (
    FEATURES_FILE,
    NOISY_FEATURES_FILE,
    keep_features,
    kept_features,
    load_features,
)
from dipddpm.features import Features
from dipddpm.noisy_quality import as_observed
from study.page.text import clock
from study.results.folder import ResultsFolder

FIRST_STEPS = 20  # after which the time that is left is said


def study_features(
    dataset: Dataset, folder: ResultsFolder, console: Console, std: float | None = None
) -> Features:
    """Return the features of a study's images, and say what they are in doubt for, if anything.

    They are those in the study's folder if it has any. Else they are shipped or in the user's cache
    or trained now, with their progress shown. What is known of them is written to ``study.json``.

    Args:
        std: deviation of the noise, where noisy images alone choose: they have features too.
    """
    features = _made_once(dataset, "images", folder, FEATURES_FILE, console)
    folder.info["features"] = {**features.card, "hash": features.hash}
    if std is not None:
        observed = as_observed(dataset, std)
        noisy = _made_once(observed, "noisy images", folder, NOISY_FEATURES_FILE, console)
        folder.info["features_corrupted"] = {**noisy.card, "hash": noisy.hash}
        features = dataclasses.replace(features, noisy=noisy)
    folder.set_status(folder.info["status"])
    return features


def _made_once(
    dataset: Dataset, what: str, folder: ResultsFolder, file: str, console: Console
) -> Features:
    features = kept_features(folder.path / file)
    if features is None:
        features = _load(dataset, what, console)
        keep_features(features, folder.path / file)
    for doubt in features.doubts:
        console.print(f"scores on the features of these {what} are in doubt: {doubt}")
    return features


def _load(dataset: Dataset, what: str, console: Console) -> Features:
    """Load the features; show the progress of a training."""
    columns = (TextColumn("features"), BarColumn(30), TimeRemainingColumn())
    began = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("features", total=None, visible=False)

        def show(stage: str, done: int, total: int) -> None:
            nonlocal began
            bar.update(task, completed=done, total=total, visible=True)
            if done == 1:
                began = time.monotonic()
                console.print(f"no features of these {what} are known: training some, once")
            if done == FIRST_STEPS:
                left_s = (time.monotonic() - began) / (FIRST_STEPS - 1) * (total - FIRST_STEPS)
                console.print(f"their training takes at most {clock(left_s)}")

        features = load_features(dataset, show)
    if began:
        seconds, steps = features.card["seconds"], features.card["steps"]
        console.print(f"trained in {clock(seconds)}, {steps} steps: {features.description}")
    return features
