"""DIP→DDPM as a problem of the study: what is searched, what is reported, what there is to see."""

import dataclasses
from pathlib import Path

from dipddpm.cli import flag, rerun_command
from dipddpm.priors import PRIORS
from study.problem.published import NOT_PUBLISHED, PUBLISHED_COMBINED
from study.problem.settings import StudySettings
from study.spec.problem import Metric, Parameter, Problem, Stage, Value

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

ORIGINAL_SETTINGS = tuple(
    setting for setting, said in PUBLISHED_COMBINED if said is not NOT_PUBLISHED
)
"""Of the original's six DIP→DDPM runs, in its order."""


def describe(settings: StudySettings) -> Problem:
    """What is searched and reported."""
    parameters = _space(settings)
    return describe_trials(settings, parameters, _start_points(settings, parameters))


def describe_trials(
    settings: StudySettings,
    parameters: tuple[Parameter, ...],
    start_points: tuple[dict[str, Value], ...],
) -> Problem:
    """Trials of this study's kind, over any parameters of a run."""
    names, run = {p.name for p in parameters}, settings.run
    return Problem(
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
        stages=STAGES if PRIORS[run.prior].restores else STAGES[2:],
        start_points=start_points,
        rerun=_rerun(settings, parameters),
    )


EXTENDED = ("dip_steps", "batch_size", "width", "sampler_steps")
"""What ``--space extended`` searches besides: fields of the run that move its cost."""


def _space(settings: StudySettings) -> tuple[Parameter, ...]:
    """Return what is searched: of the prior's parameters those that change it.

    A std that is given is not searched.
    """
    run = settings.run
    of_prior = PRIORS[run.prior].parameters
    parameters = [Parameter("ddpm_lr", "DDPM learning rate", *settings.ddpm_lr, log=True)]
    if "dip_lr" in of_prior:
        dip_lr = Parameter("dip_lr", "DIP learning rate", *settings.dip_lr, log=True)
        parameters.insert(0, dip_lr)
    if "std" in of_prior and settings.std[0] < settings.std[1]:
        parameters.append(Parameter("std", "noise std", *settings.std))
    if settings.space == "extended":
        few, many = max(1, run.dip_steps // 5), run.dip_steps * 3
        largest = min(128, (run.train_size or 128) // 16 * 16)
        if "dip_steps" in of_prior:
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
    """The original's settings, as far as they lie in the space, each once; the rest as preset."""
    points: list[dict[str, Value]] = []
    for dip_lr, ddpm_lr, std in ORIGINAL_SETTINGS:
        setting = {**original_setting(settings), "dip_lr": dip_lr, "ddpm_lr": ddpm_lr, "std": std}
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


def original_setting(settings: StudySettings) -> dict[str, Value]:
    """The original's first DIP→DDPM run, in terms of this study's parameters."""
    dip_lr, ddpm_lr, std = ORIGINAL_SETTINGS[0]
    run = {name: getattr(settings.run, name) for name in EXTENDED}
    return {**run, "dip_lr": dip_lr, "ddpm_lr": ddpm_lr, "std": std}


def device(settings: StudySettings) -> str:
    """Said outright: Ray does not hide the GPU from a trial that asks for none of it, and one that
    asks for some is to fail where they do not work, not to train without."""
    return "cuda" if settings.plan.gpus_per_trial else "cpu"


def threads(settings: StudySettings) -> int:
    return max(1, int(settings.plan.cpus_per_trial))
