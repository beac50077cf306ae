"""The subject of this study: DIP→DDPM, described for the engine, and the trainable that runs it."""

import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune

from dipddpm.cli import flag, rerun_command
from dipddpm.config import RunConfig
from dipddpm.images import contact_sheet
from dipddpm.pipeline import Run, dataset_of
from dipddpm.progress import silent
from dipddpm.timing import now
from study import cluster
from study.description import Description, Metric, Parameter, Stage, Value
from study.keeper import Keeper
from study.reporting import PICTURES, picture_path, report
from study.rows import NOT_RUN, REPORTED_COMBINED
from study.settings import StudySettings

METRICS = (
    Metric(
        "fid",
        "FID",
        goal="min",
        references=("fid_floor", "fid_threshold", "fid_noise", "scored_images", "features"),
    ),
    Metric("fid_floor", "FID floor (real against real)"),
    Metric("fid_noise", "FID of noise"),
    Metric("fid_threshold", "FID that counts as recognisable"),
    Metric("kid", "KID", goal="min"),
    Metric("kid_std", "KID, deviation over subsets"),
    Metric("precision", "precision", goal="max"),
    Metric("recall", "recall", goal="max"),
    Metric("confidence", "classifier's confidence"),
    Metric("classes", "classes seen"),
    Metric("contrast", "contrast (real = 1)"),
    Metric("nearest_train", "distance to the training set (real = 1)"),
    Metric("nearest_source", "distance to the start images (real = 1)"),
    Metric("scored_images", "images scored"),
    Metric("dip_saw", "images DIP was fitted to"),
    Metric("loss", "DDPM loss", goal="min"),
    Metric("dip_loss", "DIP loss"),
    Metric("dip_psnr", "PSNR after DIP", "dB", "max"),
    Metric("dip_psnr_noisy", "PSNR before DIP", "dB"),
    Metric("dip_ssim", "SSIM after DIP", goal="max"),
    Metric("time_per_iteration_s", "time per iteration (epoch)", "s", "min"),
    Metric("dip_time_s", "DIP time", "s", "min", cost="so far"),
    Metric("train_time_s", "DDPM training time", "s", "min", cost="so far"),
    Metric("sample_time_s", "time to draw the scored images", "s", "min", cost="each"),
    Metric("score_time_s", "time to score them", "s", cost="each"),
    Metric("save_time_s", "time to save and report the evaluation before", "s", cost="each"),
    Metric("time_total_s", "DIP and DDPM training time", "s", "min"),
    Metric("time_to_quality_s", "time until recognisable", "s", "min"),
    Metric("features", "features of the scores"),
    Metric("dataset_hash", "data"),
)

STAGES = (
    Stage("noisy", "noisy (held-out images, corrupted)"),
    Stage("restored", "restored by DIP (the same images)"),
    Stage("prior", "prior set (what the DDPM learns from)"),
    Stage("samples", "samples (drawn by the DDPM)"),
)

MOVED_BY = {
    "time_per_iteration_s": {"batch_size", "width", "prior", "row"},
    "sample_time_s": {"sampler_steps", "width", "prior", "row"},
}
"""What can change the work of a DDPM step or of a drawn image: learning rates and std cannot. The
prior stands here since whether it can is what the confirmation asks; a row is any setting."""

REPORT_SETTINGS = tuple(setting for setting, said in REPORTED_COMBINED if said is not NOT_RUN)
"""Of the report's six DIP→DDPM runs, in its order."""


def describe(settings: StudySettings) -> Description:
    """What is searched and reported."""
    parameters = _space(settings)
    return describe_trials(settings, parameters, _start_points(settings, parameters))


def describe_trials(
    settings: StudySettings,
    parameters: tuple[Parameter, ...],
    start_points: tuple[dict[str, Value], ...],
) -> Description:
    """Trials of this study's kind, over any parameters of a run."""
    names, run = {p.name for p in parameters}, settings.run
    return Description(
        title=f"DIP→DDPM on {Path(run.dataset).name}"
        + (", noisy images only" if run.regime == "noisy" else ""),
        parameters=parameters,
        metrics=tuple(
            dataclasses.replace(m, noise_only=m.name in MOVED_BY and not MOVED_BY[m.name] & names)
            for m in METRICS
        ),
        objectives=settings.objectives,
        resource="epoch",
        max_resource=run.epochs,
        stages=STAGES if run.prior != "none" else STAGES[2:],
        start_points=start_points,
        rerun=_rerun(settings, parameters),
    )


EXTENDED = ("dip_steps", "batch_size", "width", "sampler_steps")
"""What ``--space extended`` searches besides: fields of the run that move its cost."""


def _space(settings: StudySettings) -> tuple[Parameter, ...]:
    """Without a prior, DIP's parameters mean nothing; nor is a std searched that is given."""
    run = settings.run
    prior = run.prior != "none"
    parameters = [Parameter("ddpm_lr", "DDPM learning rate", *settings.ddpm_lr, log=True)]
    if prior:
        dip_lr = Parameter("dip_lr", "DIP learning rate", *settings.dip_lr, log=True)
        parameters.insert(0, dip_lr)
        if settings.std[0] < settings.std[1]:
            parameters.append(Parameter("std", "noise std", *settings.std))
    if settings.space == "extended":
        few, many = max(1, run.dip_steps // 5), run.dip_steps * 3
        largest = min(128, (run.train_size or 128) // 16 * 16)
        if prior:
            parameters.append(Parameter("dip_steps", "DIP steps", few, many, log=True, step=1))
        parameters += [
            Parameter("batch_size", "DDPM batch size", 16, largest, step=16),
            Parameter("width", "width of the denoiser", 8, 2 * run.width, step=8),
            Parameter("sampler_steps", "sampler steps", 5, 100, log=True, step=1),
        ]
    return tuple(parameters)


def _start_points(
    settings: StudySettings, parameters: tuple[Parameter, ...]
) -> tuple[dict[str, Value], ...]:
    """The report's settings, as far as they lie in the space, each once; the rest as preset."""
    points: list[dict[str, Value]] = []
    for dip_lr, ddpm_lr, std in REPORT_SETTINGS:
        setting = {**report_setting(settings), "dip_lr": dip_lr, "ddpm_lr": ddpm_lr, "std": std}
        point = {p.name: setting[p.name] for p in parameters}
        inside = all(p.contains(point[p.name]) for p in parameters)
        if inside and point not in points:
            points.append(point)
    return tuple(points)


def _rerun(settings: StudySettings, parameters: tuple[Parameter, ...]) -> str:
    """With the trial's threads and device: they change the order of floating-point sums.

    Without the data folder, which is the user's own affair: results are passed on.
    """
    leave_out = {"data_dir", *(p.name for p in parameters)}
    fixed = rerun_command(settings.preset, settings.run, leave_out)
    searched = " ".join(f"{flag(p.name)} {{{p.name}}}" for p in parameters)
    return f"OMP_NUM_THREADS={threads(settings)} {fixed} --device {device(settings)} {searched}"


def report_setting(settings: StudySettings) -> dict[str, Value]:
    """The report's first DIP→DDPM run, in terms of this study's parameters."""
    dip_lr, ddpm_lr, std = REPORT_SETTINGS[0]
    run = {name: getattr(settings.run, name) for name in EXTENDED}
    return {**run, "dip_lr": dip_lr, "ddpm_lr": ddpm_lr, "std": std}


def trainable(settings: StudySettings) -> Callable[[dict[str, Any]], None]:
    """The Tune function of this study's trials."""
    return functools.partial(
        train, run_config=settings.run, num_threads=threads(settings), device=device(settings)
    )


def data_hash(run_config: RunConfig) -> str:
    """Of the images, as the node that calls this reads them."""
    return dataset_of(run_config).hash


def device(settings: StudySettings) -> str:
    """Said outright: Ray does not hide the GPU from a trial that asks for none of it, and one that
    asks for some is to fail where they do not work, not to train without."""
    return "cuda" if settings.plan.gpus_per_trial else "cpu"


def threads(settings: StudySettings) -> int:
    return max(1, int(settings.plan.cpus_per_trial))


def train(
    parameters: dict[str, Any],
    run_config: RunConfig,
    num_threads: int,
    device: str,
    keep: Path | None = None,
    look: Callable[[Run, Path], None] | None = None,
) -> None:
    """The trainable: one DIP→DDPM run, reported and checkpointed at each evaluation.

    Args:
        keep: a folder on this machine for the state between evaluations, of runs that have few.
        look: called at the end with the run and the folder of its pictures, to leave more there.
    """
    torch.set_num_threads(num_threads)
    device = cluster.device_here(device)
    places = {name: getattr(run_config, name) for name in ("dataset", "data_dir")}
    keeper = Keeper(keep) if keep else None
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            run = Run.load(Path(folder), device, **places)
    elif keeper and keeper.kept:
        run = Run.load(keeper.folder, device, keeper, **places)
    else:
        run = Run(dataclasses.replace(run_config, **parameters), device, keeper or silent)
    if keeper:
        keeper.run = run
    save_time_s = 0.0
    for record in run.records():
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run.save(folder)
            for stage, images in run.pictures().items():
                contact_sheet(images).save(picture_path(folder, stage))
            if look and record.epoch == run.config.epochs:
                look(run, folder / PICTURES)
            metrics = {**dataclasses.asdict(record), "save_time_s": save_time_s}
            report(metrics, {"epoch": record.epoch}, folder)
        save_time_s = time.perf_counter() - start
        if keeper:
            keeper.drop()


@dataclass(frozen=True)
class Cost:
    """What a trial is expected to take, in seconds."""

    fixed_s: float
    """Before the first epoch: DIP."""
    epoch_s: float
    evaluation_s: float

    def trial_s(self, epochs: float, eval_every: int) -> float:
        return self.fixed_s + epochs * (self.epoch_s + self.evaluation_s / eval_every)


def estimate_cost(settings: StudySettings, config: RunConfig | None = None) -> Cost:
    """Time a few steps of each stage of a run here (the study's own, unless another is given).

    With a trial's threads, but alone on the machine: trials side by side share caches and memory,
    and take longer.
    """
    config, threads_before = config or settings.run, torch.get_num_threads()
    dataset = dataset_of(config)
    enough = max(config.dip_batch_size, 15 * config.batch_size)  # 15 steps, 10 of them warm-up
    sample = dataclasses.replace(
        config,
        train_size=min(enough, len(dataset.train)),
        dip_steps=min(5, config.dip_steps),
        epochs=1,
        eval_every=1,
        sampler_steps=min(10, config.sampler_steps),
    )
    where, ticks = torch.device(device(settings)), list[float]()

    def watch(stage: str, done: int, total: int) -> None:
        if stage == "dip":
            ticks.append(now(where))

    torch.set_num_threads(threads(settings))
    record = next(iter(Run(sample, device(settings), watch).records()))
    torch.set_num_threads(threads_before)

    assert sample.train_size is not None
    step_s = record.time_per_iteration_s / (sample.train_size // config.batch_size)
    steps_per_epoch = len(dataset.train) // config.batch_size
    dip_s = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else record.dip_time_s
    applied_s = max(0.0, record.dip_time_s - dip_s * len(ticks))  # to the training images
    return Cost(
        fixed_s=dip_s * config.dip_steps + applied_s * len(dataset.train) / sample.train_size,
        epoch_s=step_s * steps_per_epoch,
        evaluation_s=record.sample_time_s / sample.sampler_steps * config.sampler_steps
        + record.score_time_s,
    )
