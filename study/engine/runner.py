"""The engine: runs the trials of a problem on Ray, searched by Optuna.

It knows nothing of DIP and DDPM; those come with the problem and the trainable.
"""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from rich.console import Console

from study.cluster.private_ray import choose_allocator, make_token
from study.engine import device_memory, ray_state
from study.engine.first_trials import Estimate, FirstTrials
from study.engine.heartbeat import beating
from study.engine.notices import Notices
from study.engine.plan import Plan
from study.engine.recorder import Recorder
from study.engine.recovery import recover
from study.engine.samplers import FixedDesign, StudySearch, make_scheduler
from study.engine.session_end import End, SessionRecord, outcome
from study.engine.terminal import Display
from study.engine.trackers import Tracker
from study.engine.tracking import Tracking
from study.engine.trial_queue import RecoveredTrial, TrialQueue
from study.engine.watch import RayIsLost, Watch
from study.page.refresher import LivePage
from study.results import provenance
from study.results.folder import (
    ARTIFACTS_FOLDER,
    DATABASE_FILE,
    RAY_FOLDER,
    SAMPLES_FOLDER,
    ResultsFolder,
)
from study.results.optuna_export import OptunaExport, file_url
from study.results.remote import RemotePath, StorageCopy, first_line
from study.spec.interrupts import exit_status, held, undisturbed
from study.spec.outlet import Outlet
from study.spec.problem import FIXED_DESIGN, Problem
from study.spec.status import StudyStatus, TrialStatus

PENDING = "TUNE_MAX_PENDING_TRIALS_PG"
"""Ray's environment variable for how many trials may wait for a place at once."""

THIS_MACHINE = "this machine"
"""The name of the only node of a private Ray; Ray's own would be the machine's address."""

MAX_FAILURES = 2
"""How often a failed trial is tried again, from its last checkpoint."""


def start_ray(cpus: int, gpus: int) -> None:
    """Start a private Ray on this machine, unless this process has one; join no cluster.

    Raises:
        RayIsLost: it did not start.
    """
    if ray.is_initialized():
        return
    # workers run the code of this checkout, whatever else is installed
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if path[0] != str(provenance.CODE):
        os.environ["PYTHONPATH"] = os.pathsep.join([str(provenance.CODE), *filter(None, path)])
    make_token()
    choose_allocator()
    try:
        with undisturbed():
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                _node_name=THIS_MACHINE,  # anonymised, since results are shared
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as error:  # Ray raises many kinds, plain Exception among them
        raise RayIsLost(f"Ray did not start: {first_line(error)}") from error
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # "Trials did not complete"


def _measured(trainable: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Return the trainable with signs of life, and the peak of device memory reset.

    Processes are reused.
    """

    def train(parameters: dict[str, Any]) -> None:
        device_memory.forget_peak()
        with beating():
            trainable(parameters)

    return train


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
    trackers: Mapping[str, Callable[[], Tracker]] | None = None,
    estimate: Estimate | None = None,
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
        trackers: makes each of the trackers that get the trials too, by name.
        estimate: says what trials are expected to take by the first ones, where ``expected_s`` is
            empty.

    Returns:
        How it ended: ``INTERRUPTED`` by a signal or at the end of the time budget, after saving;
        ``FAILED`` if no trial ended well, or several in a row failed alike; else ``FINISHED``.

    Raises:
        OSError: results could not be written; what had been written can be read.
        RayIsLost: Ray does not start, does not answer any more, or is gone; the study is
            interrupted.
    """
    scheduler = make_scheduler(plan.scheduler, problem, plan.grace_period, plan.reduction_factor)
    place = storage.beside(folder.path) if storage else RemotePath.local(folder.path)
    ray_state.forget(place)  # of a session that was killed
    home, console = home or folder.path, console or Console()
    console.file = Outlet.of(console.file)
    notices = Notices(console.print)
    rows, recovered = recover(folder, place, scheduler, plan.seed, console.print)
    settings = folder.info.get("settings", {})
    folder.info["settings"] = {**settings, "plan": dataclasses.asdict(plan)}
    export = OptunaExport(
        storage_url or file_url(home / DATABASE_FILE),
        plan.name,
        problem,
        samples=folder.path / SAMPLES_FOLDER,
        artifacts=home / ARTIFACTS_FOLDER,
        warn=functools.partial(notices.tell, "the database"),
    )
    searched = plan.sampler != FIXED_DESIGN
    display = Display(problem, plan.num_samples, plan.slots, expected_s, console, searched)
    page = LivePage(home, functools.partial(notices.tell, "the page"))
    recorder = Recorder(problem, folder, place, storage, export, display, page, notices, rows)
    status = outcome(recorder, plan.num_samples)
    if status != StudyStatus.INTERRUPTED:  # nothing is left to run
        export.flush()
        folder.set_status(status)
        return status
    queue = TrialQueue(
        _searcher(problem, plan, recovered),
        scheduler,
        recovered,
        plan.num_samples,
        plan.slots,
        problem,
        plan.seed,
    )
    tracking = Tracking(trackers or {}, problem, recorder.rows, notices)
    with tracking, held() as hold:
        recorder.interrupted = lambda: hold.asked
        end = End(plan, hold, recorder)
        callbacks: list[tune.Callback] = [recorder, tracking]
        if estimate and not expected_s:
            callbacks.append(FirstTrials(estimate, folder, display, recorder.rows, notices))
        tuner = _tuner(trainable, plan, queue, scheduler, place, callbacks, end, cluster)
        ray_state.forget(place)  # of this one, as far as it is written
        session = SessionRecord(folder, recorder, end)
        try:
            return _run(tuner, session, queue, plan.num_samples, expected_s)
        finally:
            ray_state.forget(place)


def _run(
    tuner: tune.Tuner,
    session: SessionRecord,
    queue: TrialQueue,
    num_samples: int,
    expected_s: Sequence[float],
) -> StudyStatus:
    """Run the trials of a session and record how it ends, whatever ends it."""
    recorder, end, status = session.recorder, session.stopper, StudyStatus.FAILED

    def last_words(lost: str) -> int:
        session.end(StudyStatus.INTERRUPTED)
        left = f"{session.folder.path} can be read, and --resume goes on with it"
        recorder.notices.tell("Ray", f"{lost}; {left}")
        return exit_status() if end.hold.asked else 1

    session.begin(expected_s)
    try:
        with end.hold.cutting_off():
            start_ray(provenance.cores(), len(provenance.gpus()))
            with Watch(last_words, end.hold) as watch, recorder.display:
                recorder.watch = end.watch = watch
                tuner.fit()
        if queue.is_through:
            recorder.stop_paused()
        status = outcome(recorder, num_samples)
    except KeyboardInterrupt:  # the second signal, or Ray is lost
        status = StudyStatus.INTERRUPTED
    except ray.exceptions.RayError as error:  # of Ray itself; those of trials are theirs
        status = StudyStatus.INTERRUPTED
        raise RayIsLost(first_line(error)) from error
    except RayIsLost:  # before it was there
        status = StudyStatus.INTERRUPTED
        raise
    finally:
        session.end(status)
    if recorder.fatal:
        raise recorder.fatal
    if end.watch and end.watch.lost and not end.hold.asked:
        raise RayIsLost(end.watch.lost)
    return status


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


def _searcher(problem: Problem, plan: Plan, recovered: list[RecoveredTrial]) -> Searcher:
    """Return the searcher, which knows all trials of earlier sessions."""
    tried = [trial.parameters for trial in recovered]
    points = [point for point in problem.start_points if point not in tried]
    if plan.sampler == FIXED_DESIGN:
        return FixedDesign(points)
    searcher = StudySearch(problem, plan.sampler, plan.seed, points, len(recovered))
    for trial in recovered:
        if trial.status != TrialStatus.INTERRUPTED:
            searcher.learn(trial.trial_id, trial.parameters, trial.curve)
        else:
            searcher.go_on(trial.trial_id, trial.parameters, trial.curve)
    return searcher
