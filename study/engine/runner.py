"""The engine: runs the trials of a problem on Ray, searched by Optuna.

It knows nothing of DIP and DDPM; those come with the problem and the trainable.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from rich.console import Console

from study.engine.plan import Plan
from study.engine.recorder import Recorder
from study.engine.recovery import recover
from study.engine.samplers import FixedDesign, StudySearch, make_scheduler
from study.engine.terminal import Display
from study.engine.trial_queue import RecoveredTrial, TrialQueue
from study.page.refresher import LivePage
from study.results import provenance
from study.results.folder import (
    ARTIFACTS_FOLDER,
    DATABASE_FILE,
    RAY_FOLDER,
    SAMPLES_FOLDER,
    ResultsFolder,
)
from study.results.optuna_export import OptunaExport
from study.results.remote import RemotePath, StorageCopy
from study.spec.problem import FIXED_DESIGN, Problem
from study.spec.status import StudyStatus, TrialStatus

PENDING = "TUNE_MAX_PENDING_TRIALS_PG"
"""Ray's environment variable for how many trials may wait for a place at once."""

THIS_MACHINE = "this machine"
"""The name of the only node of a private Ray; Ray's own would be the machine's address."""

MAX_FAILURES = 2
"""How often a failed trial is tried again, from its last checkpoint."""


def start_ray(cpus: int, gpus: int) -> None:
    """Start a private Ray on this machine, unless this process has one; join no cluster."""
    if ray.is_initialized():
        return
    # workers run the code of this checkout, whatever else is installed
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if path[0] != str(provenance.CODE):
        os.environ["PYTHONPATH"] = os.pathsep.join([str(provenance.CODE), *filter(None, path)])
    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=gpus,
        _node_name=THIS_MACHINE,  # anonymised, since results are shared
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # "Trials did not complete"


def _measured(trainable: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Return the trainable with the peak of device memory reset: processes are reused."""

    def train(parameters: dict[str, Any]) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        trainable(parameters)

    return train


class End(tune.Stopper):
    """The stopper that ends a whole search: at its time budget, or when nothing can be written."""

    def __init__(self, time_budget_s: float | None) -> None:
        self.time_budget_s = time_budget_s
        self.deadline = None if time_budget_s is None else time.monotonic() + time_budget_s
        self.recorder: Recorder | None = None

    def __reduce__(self) -> tuple[type[tune.Stopper], tuple[Any, ...]]:
        return End, (None,)  # Ray pickles it, and the recorder cannot be pickled

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        """Return whether the search ends now."""
        broken = self.recorder is not None and self.recorder.fatal is not None
        return broken or self.time_is_up()

    def time_is_up(self) -> bool:
        """Return whether the time budget is spent."""
        return self.deadline is not None and time.monotonic() > self.deadline


def run_study(
    problem: Problem,
    trainable: Callable[[dict[str, Any]], None],
    plan: Plan,
    folder: ResultsFolder,
    *,
    expected_s: Sequence[float] = (),
    console: Console | None = None,
    storage_url: str | None = None,
    storage: StorageCopy | None = None,
    home: Path | None = None,
    cluster: bool = False,
) -> StudyStatus:
    """Run the trials that are left to run.

    However it ends, no trial is left running in the results. Trials that ended in an earlier
    session are not run again; those that one began go on from their checkpoints.

    Args:
        trainable: a Tune function of the parameters, the trial's seed among them, that calls
            :func:`study.engine.reporting.report` at each evaluation, with pictures of the
            problem's stages.
        expected_s: seconds that each trial is expected to take, or one number if all are alike,
            for the estimate of the time left; empty if unknown.
        console: where progress is shown; the terminal without it.
        storage_url: URL of an Optuna storage that gets the trials; ``study.db`` without it.
        storage: where Ray's own folder and its checkpoints go; beside the results without it.
        home: the results folder that has ``study.db``, if the study is a part of another.
        cluster: the trials run on a cluster that has been joined, whose nodes come and go.

    Returns:
        How it ended: ``INTERRUPTED`` by Ctrl-C or at the end of the time budget, after saving;
        ``FAILED`` if no trial ended well; else ``FINISHED``.

    Raises:
        OSError: results could not be written; what had been written can be read.
    """
    scheduler = make_scheduler(plan.scheduler, problem, plan.grace_period, plan.reduction_factor)
    place = storage.beside(folder.path) if storage else RemotePath.local(folder.path)
    home, console = home or folder.path, console or Console()
    rows, recovered = recover(folder, place, scheduler, plan.seed, console.print)
    settings = folder.info.get("settings", {})
    folder.info["settings"] = {**settings, "plan": dataclasses.asdict(plan)}
    export = OptunaExport(
        storage_url or f"sqlite:///{home / DATABASE_FILE}",
        plan.name,
        problem,
        samples=folder.path / SAMPLES_FOLDER,
        artifacts=home / ARTIFACTS_FOLDER,
        warn=console.print,
    )
    searched = plan.sampler != FIXED_DESIGN
    display = Display(problem, plan.num_samples, plan.slots, expected_s, console, searched)
    page = LivePage(home, console.print)
    recorder = Recorder(problem, folder, place, storage, export, display, page, rows)
    status = _outcome(recorder, plan.num_samples)
    if status != StudyStatus.INTERRUPTED:  # nothing is left to run
        export.flush()
        folder.set_status(status)
        return status
    end = End(plan.time_budget_s)
    end.recorder = recorder
    queue = TrialQueue(
        _searcher(problem, plan, recovered),
        recovered,
        plan.num_samples,
        plan.slots,
        problem,
        plan.seed,
    )
    tuner = _tuner(trainable, plan, queue, scheduler, place, [recorder], end, cluster)
    with _recorded_session(folder, recorder, end, expected_s) as session:
        start_ray(provenance.cores(), len(provenance.gpus()))
        try:
            with display:
                tuner.fit()  # on a first Ctrl-C it returns early …
            session["status"] = _outcome(recorder, plan.num_samples)
        except KeyboardInterrupt:  # … a second one cuts it off
            session["status"] = StudyStatus.INTERRUPTED
    if recorder.fatal:
        raise recorder.fatal
    return StudyStatus(session["status"])


def _tuner(
    trainable: Callable[[dict[str, Any]], None],
    plan: Plan,
    queue: TrialQueue,
    scheduler: TrialScheduler,
    place: RemotePath,
    callbacks: list[tune.Callback],
    end: "End",
    cluster: bool,
) -> tune.Tuner:
    """Return Ray's tuner of the trials of a queue."""
    # all processes start at once, and a cluster grows in one step: one by one, Ray drops a process
    # that is starting as soon as a trial ends, so that short trials would never fill many slots
    os.environ[PENDING] = str(plan.slots)
    resources = {"cpu": plan.cpus_per_trial, "gpu": plan.gpus_per_trial}
    return tune.Tuner(
        tune.with_resources(_measured(trainable), resources),
        tune_config=tune.TuneConfig(
            num_samples=plan.num_samples,
            search_alg=queue,
            scheduler=scheduler,
            # a worker imports torch and reads the data once; but a worker that waits on a node that
            # dies is given to a trial all the same, and Ray fails that trial for good
            reuse_actors=not cluster,
        ),
        run_config=tune.RunConfig(
            name=RAY_FOLDER,
            storage_path=place.path,
            storage_filesystem=place.filesystem,
            callbacks=callbacks,
            stop=end,
            failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            verbose=0,
        ),
    )


@contextlib.contextmanager
def _recorded_session(
    folder: ResultsFolder, recorder: Recorder, end: "End", expected_s: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Record a session in ``study.json``: that it runs, and however it ends, that it has ended.

    Yields the session's entry, whose ``status`` is ``FAILED`` unless another one is set.
    """
    began = datetime.datetime.now(datetime.UTC)
    session: dict[str, Any] = {
        "started": began.isoformat(timespec="seconds"),
        "trials_before": len(recorder.rows),
        **{name: folder.info.get(name) for name in ("code", "hardware")},
    }
    earlier_s = folder.info.get("wall_time_s", 0.0)
    folder.info["sessions"] = [*folder.info.get("sessions", []), session]
    folder.set_status(StudyStatus.RUNNING, expected_s=[round(each, 3) for each in expected_s])
    session["status"] = StudyStatus.FAILED
    try:
        yield session
    finally:
        if recorder.fatal or shutil.disk_usage(folder.path).free < 1_000_000:
            folder.use_reserve()
            session["status"] = StudyStatus.FAILED
        recorder.end_open_trials()
        session_s = round((datetime.datetime.now(datetime.UTC) - began).total_seconds(), 1)
        session["wall_time_s"] = session_s
        if end.time_is_up() and session["status"] == StudyStatus.INTERRUPTED:
            session["reason"] = f"time budget of {end.time_budget_s:g} s"
        folder.set_status(
            StudyStatus(session["status"]), wall_time_s=round(earlier_s + session_s, 1)
        )


def _searcher(problem: Problem, plan: Plan, recovered: list[RecoveredTrial]) -> Searcher:
    """Return the searcher, which knows all trials of earlier sessions."""
    tried = [trial.parameters for trial in recovered]
    points = [point for point in problem.start_points if point not in tried]
    if plan.sampler == FIXED_DESIGN:
        return FixedDesign(points)
    searcher = StudySearch(problem, plan.sampler, plan.seed, points, len(recovered))
    for trial in recovered:
        if trial.status.has_ended:
            searcher.learn(trial.parameters, trial.resource, trial.metrics)
        else:
            searcher.go_on(trial.trial_id, trial.parameters)
    return searcher


def _outcome(recorder: Recorder, num_samples: int) -> StudyStatus:
    """Return the status of a study, judged by its trials alone."""
    statuses = [TrialStatus(row["status"]) for row in recorder.rows.values()]
    if len(statuses) < num_samples or not all(status.has_ended for status in statuses):
        return StudyStatus.INTERRUPTED
    failed = all(status == TrialStatus.FAILED for status in statuses)
    return StudyStatus.FAILED if failed else StudyStatus.FINISHED
