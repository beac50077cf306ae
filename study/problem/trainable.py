"""The Tune function of this study's trials: one DIP→DDPM run, reported and checkpointed."""

import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from ray import tune
from torch import Tensor

from dipddpm.config import RunConfig
from dipddpm.features import Features
from dipddpm.images import by_class, contact_sheet
from dipddpm.pipeline import Run, dataset_of
from study.cluster import nodes
from study.engine.checkpoints import PICTURES
from study.engine.heartbeat import alive
from study.engine.reporting import picture_path, report
from study.problem.definition import device, threads
from study.problem.local_checkpoint import LocalCheckpoint
from study.problem.settings import StudySettings


def trainable(
    settings: StudySettings,
    features: Features,
    extra_scores: Callable[[Run, Path], None] | None = None,
) -> Callable[[dict[str, Any]], None]:
    """Return the Tune function of this study's trials, whose scores rest on these features."""
    return functools.partial(
        train,
        run_config=settings.run,
        features=features,
        num_threads=threads(settings),
        device=device(settings),
        rungs=settings.rungs,
        extra_scores=extra_scores,
    )


def data_hash(run_config: RunConfig) -> str:
    """Return the hash of the images, as the node that calls this reads them."""
    return dataset_of(run_config).hash


def train(
    parameters: dict[str, Any],
    run_config: RunConfig,
    features: Features,
    num_threads: int,
    device: str,
    local_folder: Path | None = None,
    extra_scores: Callable[[Run, Path], None] | None = None,
    rungs: Collection[int] = (),
) -> None:
    """Run one DIP→DDPM, reported and checkpointed at each evaluation.

    Args:
        local_folder: a folder on this machine for the state before the first evaluation, for runs
            whose first evaluation is far away.
        extra_scores: called after the last epoch with the run and the folder of its pictures, to
            measure or show more and leave it there.
        rungs: epochs at which it may be stopped, and is evaluated therefore.
    """
    torch.set_num_threads(num_threads)
    device = nodes.device_here(device)
    places = {name: getattr(run_config, name) for name in ("dataset", "data_dir")}
    local = LocalCheckpoint(local_folder) if local_folder else None

    def progress(stage: str, done: int, total: int) -> None:
        alive(stage, done, total)
        if local:
            local(stage, done, total)

    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            run = Run.load(Path(folder), device, progress, features, **places)
    elif local and local.exists:
        run = Run.load(local.folder, device, progress, features, **places)
    else:
        config = dataclasses.replace(run_config, **parameters)
        run = Run(config, device, progress, features)
    if local:
        local.run = run
    save_time_s = 0.0
    for record in run.records(rungs):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run.save(folder)
            for stage, images in run.pictures().items():
                _sheet(run, stage, images).save(picture_path(folder, stage))
            if extra_scores and record.epoch == run.config.epochs:
                extra_scores(run, folder / PICTURES)
            metrics = {**record.row(), "save_time_s": save_time_s}
            report(metrics, {"epoch": record.epoch}, folder)
        save_time_s = time.perf_counter() - start
        if local:
            local.drop()


def _sheet(run: Run, stage: str, images: Tensor) -> Image.Image:
    """Return a picture of a stage; that of samples has a column per class that the features see."""
    classes = run.classes_of(images) if stage == "samples" else None
    if classes is None:
        return contact_sheet(images)
    num_classes = run.reference.features.net.num_classes
    headings = [str(number) for number in range(num_classes)]
    return contact_sheet(by_class(images, classes, num_classes), num_classes, headings)
