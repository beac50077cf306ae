"""The engine: runs the trials of a described subject on Ray, searched by Optuna.

It knows no DIP and no DDPM; those come in with the description and the trainable.
"""

import datetime
import logging
import os
from collections.abc import Callable
from typing import Any

# before ray is imported: no usage statistics leave this machine, no notes to Ray's developers
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its reporter prints whatever the verbosity
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # the recorder tells of them
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")

import optuna
import ray
from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console

from study.description import Description
from study.display import Display
from study.mirror import OptunaMirror
from study.plan import Plan
from study.recorder import Recorder
from study.results import DATABASE_FILE, RAY_FOLDER, ResultsFolder
from study.search import StudySearch, make_sampler, make_scheduler


def start_ray(cpus: int, gpus: int) -> None:
    """A private Ray on this machine, whatever cluster may be running on it."""
    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=gpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # "Trials did not complete"
    logging.getLogger("ray.tune.execution.experiment_state").addFilter(_is_worth_telling)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Ray copies its state while it writes the next one: a temporary file that has gone meanwhile
    is no loss, and the next copy follows at once."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, FileNotFoundError) and "-tmp-" in str(error))


def run_study(
    subject: Description,
    trainable: Callable[[dict[str, Any]], None],
    plan: Plan,
    folder: ResultsFolder,
    *,
    expected_trial_s: float | None,
    console: Console,
) -> str:
    """Run all trials on the Ray that is started; returns how the study ended.

    However it ends, no trial is left running in the results.

    Args:
        trainable: a Tune function of the parameters that calls :func:`study.reporting.report` at
            each evaluation, with pictures of the subject's stages.
        expected_trial_s: seconds of an average trial, for the first estimate of the time left.

    Returns:
        ``finished``, ``interrupted`` (by Ctrl-C, after saving) or ``failed`` (no trial ended well).
    """
    mirror = OptunaMirror(folder.path / DATABASE_FILE, plan.name, subject)
    display = Display(subject, plan.num_samples, plan.slots, expected_trial_s, console)
    recorder = Recorder(subject, folder, mirror, display)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": plan.cpus_per_trial, "gpu": plan.gpus_per_trial}),
        tune_config=tune.TuneConfig(
            num_samples=plan.num_samples,
            search_alg=StudySearch(subject, make_sampler(plan.sampler, plan.seed)),
            scheduler=make_scheduler(
                plan.scheduler, subject, plan.grace_period, plan.reduction_factor
            ),
            max_concurrent_trials=plan.slots,
            trial_dirname_creator=_trial_folder,
            reuse_actors=True,  # a worker imports torch and reads the data once
        ),
        run_config=tune.RunConfig(
            name=RAY_FOLDER,
            storage_path=str(folder.path.resolve()),
            callbacks=[recorder],
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            verbose=0,
        ),
    )
    began = datetime.datetime.now(datetime.UTC)
    folder.set_status("running", started=began.isoformat(timespec="seconds"))
    status = "failed"
    try:
        with display:
            tuner.fit()  # on a first Ctrl-C it returns early …
        status = _outcome(recorder, plan.num_samples)
    except KeyboardInterrupt:  # … a second one cuts it off
        status = "interrupted"
    finally:
        recorder.end_open_trials()
        ended = datetime.datetime.now(datetime.UTC)
        folder.set_status(status, wall_time_s=round((ended - began).total_seconds(), 1))
    return status


def _outcome(recorder: Recorder, num_samples: int) -> str:
    statuses = [row["status"] for row in recorder.rows.values()]
    if len(statuses) < num_samples or "running" in statuses:
        return "interrupted"
    return "failed" if all(status == "failed" for status in statuses) else "finished"


def _trial_folder(trial: Trial) -> str:
    return str(trial.trial_id)


def expected_resource(maximum: int, grace_period: int, reduction_factor: float) -> float:
    """Mean epochs of a trial under successive halving, if at each rung 1 in N goes on."""
    spent, share, rung = float(grace_period), 1.0, float(grace_period)
    while rung < maximum:
        share, above = share / reduction_factor, min(rung * reduction_factor, maximum)
        spent, rung = spent + share * (above - rung), above
    return spent
