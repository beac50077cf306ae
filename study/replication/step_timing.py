"""What a DDPM step costs, measured interleaved: every setting meets the same machine.

Trials run for minutes side by side, and what else the machine does moves their times by more than
what is asked here. So steps of all settings are timed in one process, one setting after the other,
again and again. Each round has trainers of another seed. All of it happens before the first trial,
with nothing of the study beside it.
"""

import dataclasses
import functools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dipddpm.config import RunConfig
from dipddpm.data import Dataset
from dipddpm.pipeline import dataset_of
from dipddpm.prior_stage import PriorStage
from dipddpm.randomness import generator
from dipddpm.timing import interleaved
from dipddpm.training import Trainer
from study.cluster import nodes
from study.problem import definition
from study.problem.published import PUBLISHED_COMBINED
from study.problem.settings import StudySettings
from study.replication.condition_names import (
    ALONE,
    LOADERS,
    LOADERS_TIMED,
    SETTINGS,
    setting_name,
)
from study.replication.condition_plans import original_recipe, plans_of
from study.results.files import write_csv
from study.results.folder import TIMING_FILE

ROUNDS = 30
STEPS = 5  # of each setting in a round, whose median counts
LOADER_ROUNDS = 30

FIT_STEPS = 5  # of DIP, for images that depend on its settings

COLUMNS = ("group", "item", "round", "seconds", "batch_size")


def measure(settings: StudySettings, folder: Path) -> None:
    """Write ``timing.csv``; a measurement that was cut off leaves nothing.

    On a cluster it is taken on a node that has what a trial asks for.
    """
    take = functools.partial(_take, settings.run, definition.threads(settings))
    device = definition.device(settings)
    if settings.ray_address:
        plan = settings.plan
        lines = nodes.call(take, device, plan.cpus_per_trial, plan.gpus_per_trial)
    else:
        lines = take(device)
    write_csv(folder / TIMING_FILE, COLUMNS, lines)


def _take(run: RunConfig, threads: int, device: str) -> list[dict[str, Any]]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    lines = time_settings(run, torch.device(device)) + time_loaders(run, torch.device(device))
    torch.set_num_threads(before)
    return lines


def time_settings(run: RunConfig, device: torch.device) -> list[dict[str, Any]]:
    """Return the seconds of a step without prior, and with it at each setting of the original.

    It is the controlled comparison: all have compact networks and the same loader.
    """
    base = plans_of(run)[ALONE].config
    configs = {ALONE: base}
    for (dip_lr, ddpm_lr, std), _ in PUBLISHED_COMBINED:
        name = setting_name(dip_lr, ddpm_lr, std)
        changes: dict[str, Any] = {"dip_lr": dip_lr, "ddpm_lr": ddpm_lr, "std": std}
        configs[name] = dataclasses.replace(base, prior="restorer", dip_steps=FIT_STEPS, **changes)
    batch, dataset = base.batch_size, _few(base, STEPS * base.batch_size)
    images = {
        name: PriorStage(config, dataset, device).run().prior for name, config in configs.items()
    }
    lines, names = [], list(configs)
    for number in range(ROUNDS):
        # "turns" names the random stream of the order
        order = torch.randperm(len(names), generator=generator(number, "turns")).tolist()
        work = {}
        for name in (names[place] for place in order):
            config = dataclasses.replace(configs[name], seed=number)
            work[name] = _stepping(Trainer(config, images[name], images[name]))
        for name, seconds in interleaved(work, STEPS, device).items():
            lines.append(_line(SETTINGS, name, number, statistics.median(seconds), batch))
    return lines


def time_loaders(run: RunConfig, device: torch.device) -> list[dict[str, Any]]:
    """Return the seconds of the original's network and of loaders, alone and together.

    These are the original's two, torchvision's MNIST and a TensorDataset, and this library's own.
    """
    base = dataclasses.replace(original_recipe(run), prior="none")
    dataset = _few(base, 8 * base.batch_size)
    whole = len(dataset.train) // base.batch_size * base.batch_size  # no batch is smaller
    images = dataset.train.images[:whole].to(device)
    work: dict[str, Callable[[], object]] = {}
    for loader in LOADERS_TIMED:
        trainer = Trainer(dataclasses.replace(base, loader=loader), images, images)
        work[f"{loader} loader"] = functools.partial(next, _endless(trainer))
        work[f"network and {loader} loader"] = _stepping(trainer)
    alone = Trainer(base, images, images)
    work["network"] = lambda: alone.step(images[: base.batch_size])
    seconds = interleaved(work, LOADER_ROUNDS, device)
    return [
        _line(LOADERS, name, number, value, base.batch_size)
        for name, values in seconds.items()
        for number, value in enumerate(values)
    ]


def _few(config: RunConfig, most: int) -> Dataset:
    """Return the data set with as many training images as are timed."""
    size = min(most, len(dataset_of(config).train))
    return dataset_of(dataclasses.replace(config, train_size=size))


def _endless(trainer: Trainer) -> Iterator[Tensor]:
    """Yield the batches of a trainer's loader, epoch after epoch."""
    while True:
        yield from trainer.batches()


def _stepping(trainer: Trainer) -> Callable[[], object]:
    batches = _endless(trainer)
    return lambda: trainer.step(next(batches))


def _line(group: str, item: str, number: int, seconds: float, batch: int) -> dict[str, Any]:
    return dict(zip(COLUMNS, (group, item, number, seconds, batch), strict=True))
