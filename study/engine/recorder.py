"""Ray Tune's events → the results folder, the Optuna storage and the terminal."""

import contextlib
import errno
import functools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import ray
from ray import cloudpickle, tune
from ray.tune.experiment import Trial

from study.engine.checkpoints import bring_pictures
from study.engine.failures import Failures
from study.engine.notices import Notices
from study.engine.recovery import INTERRUPTED, ending
from study.engine.reporting import METRICS, PLACE
from study.engine.shares import HeldTime, shared_time
from study.engine.terminal import Display
from study.engine.trial_logs import TrialLogs
from study.engine.trial_queue import QueuedTrial
from study.engine.watch import Watch
from study.page.refresher import LivePage
from study.results.folder import CHECKPOINT, RAY_FOLDER, SAMPLES_FOLDER, ResultsFolder
from study.results.optuna_export import OptunaExport
from study.results.private import without_folders
from study.results.remote import RemotePath, StorageCopy
from study.results.usage import held_s
from study.spec.outlet import Outlet
from study.spec.problem import Problem
from study.spec.status import TrialStatus

LOGS = "the logs for Ray and TensorBoard"


class Recorder(tune.Callback):
    """The callback that writes a row per evaluation at once, and a row per trial as it changes.

    Results that cannot be written end the study (:attr:`fatal`). Whatever else goes wrong here is
    told once, and the trials go on.

    Nothing counts before it is on disk: first a checkpoint, then the line of its evaluation, then
    the trial's row. Only then are older checkpoints deleted.

    Args:
        place: the folder in which Ray's own folder with the checkpoints is.
        rows: the rows of the trials that earlier sessions began.
    """

    def __init__(
        self,
        problem: Problem,
        folder: ResultsFolder,
        place: RemotePath,
        storage: StorageCopy | None,
        export: OptunaExport,
        display: Display,
        page: LivePage,
        notices: Notices,
        rows: list[dict[str, Any]],
    ) -> None:
        self.problem, self.folder, self.export, self.display = (
            problem,
            folder,
            export,
            display,
        )
        self.page, self.place, self.storage, self.notices = page, place, storage, notices
        self.rows: dict[str, dict[str, Any]] = {row["trial_id"]: row for row in rows}
        self.fatal: OSError | None = None
        """The error because of which no result can be written any more."""
        self.failures = Failures()
        self.watch: Watch | None = None
        self.interrupted: Callable[[], bool] = lambda: False
        """Whether a signal has come: it may have reached the trials' processes too."""
        self._given_up: dict[str, str] = {}
        """The reasons of trials that were ended here, until Ray tells of their end."""
        self._unlogged: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._held = HeldTime()
        self._nodes: dict[str, str] = {}
        """The names of nodes that have been up, by id."""
        self._logs = TrialLogs(folder.path / RAY_FOLDER, problem.resource)
        # times continue from the last session
        spent = max((row.get("ended_s", row["started_s"]) for row in rows), default=0.0)
        self._began = time.monotonic() - spent
        for row in rows:
            self.export.put(row)

    def __reduce__(self) -> tuple[type[tune.Callback], tuple[()]]:
        """Pickle as a plain callback: Ray pickles it, and open files cannot be pickled."""
        return tune.Callback, ()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Note an error of the disk as :attr:`fatal`, on which the engine ends the study."""
        try:
            yield
        except OSError as error:
            self.fatal = self.fatal or error

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        with self._writing():
            row = self._row(trial)
            row |= {"status": TrialStatus.RUNNING, "stop_reason": ""}
            self._held.begin(row, self._elapsed())
            self.folder.write_trials(self.rows.values())
            self.export.put(row)

    def _row(self, trial: Trial) -> dict[str, Any]:
        """Return the trial's row; make it when the trial starts, or fails before it has."""
        if trial.trial_id not in self.rows:
            self.rows[trial.trial_id] = {
                "trial_id": trial.trial_id,
                "status": TrialStatus.RUNNING,
                "stop_reason": "",
                "started_s": self._elapsed(),
                "restarts": 0,
                self.problem.resource: 0,
                **{name: trial.config[name] for name in self.problem.columns},
            }
        return self.rows[trial.trial_id]

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        row, checkpoint = self._row(trial), result["checkpoint_dir_name"]
        with self._writing():
            (self.place / RAY_FOLDER / trial.trial_id / checkpoint).sync(self.place)
        if self.fatal or result[self.problem.resource] <= row[self.problem.resource]:
            return  # on record already: a retry begins at the last checkpoint that was kept
        metrics = [metric.name for metric in self.problem.metrics]
        row |= {name: result[METRICS].get(name, math.nan) for name in metrics}
        row[self.problem.resource] = result[self.problem.resource]
        row |= {**result[PLACE], "node": self._node_name(result[PLACE]["node"])}
        row["concurrent"] = sum(
            other["status"] == TrialStatus.RUNNING for other in self.rows.values()
        )
        self._held.note(row, self._elapsed())
        if warning := shared_time(self.problem, row, self.rows.values()):
            self.notices.tell("shared GPUs", warning)
        self._unlogged.append((trial.trial_id, dict(trial.config), dict(result)))
        self._log_what_is_not()  # before the row: what is on record has been logged, if it could be
        with self._writing():
            evaluation = {**row, "elapsed_s": self._elapsed(), "checkpoint": checkpoint}
            self.folder.append_history(evaluation)
            self.export.evaluated(row)

    def _node_name(self, node_id: str) -> str:
        if node_id not in self._nodes:
            with self.notices.beside("the names of nodes"):
                self._nodes = {node["NodeID"]: node["NodeName"] for node in ray.nodes()}
        return self._nodes.get(node_id, "")

    def _log_what_is_not(self) -> None:
        """Write the evaluations for Ray's readers of results and for TensorBoard, in order."""
        with self.notices.beside(LOGS):
            while self._unlogged:
                self._logs.log(*self._unlogged[0])
                del self._unlogged[0]

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Bring the checkpoint's pictures home, after the storage's copy (if any) has its row."""
        checkpoint = trial.checkpoint
        assert checkpoint is not None  # it has just been saved
        place = RemotePath(checkpoint.filesystem, checkpoint.path)
        job = functools.partial(self._bring_home, trial.trial_id, place)
        if self.storage:  # the one before is the last that the copy of the history knows of
            self.storage.later(f"{self.folder.path.name}/{trial.trial_id}", job)
        else:
            with self.notices.beside("the pictures"):
                job()

    def _bring_home(self, trial_id: str, checkpoint: RemotePath) -> None:
        """Copy a checkpoint's pictures to the results; remove the trial's older checkpoints."""
        if self.fatal:
            return  # its evaluation may not be on record, and the one before it is needed
        bring_pictures(checkpoint, self.folder.path / SAMPLES_FOLDER / trial_id)
        trial, _, newest = checkpoint.path.rpartition("/")
        for name in (folder := RemotePath(checkpoint.filesystem, trial)).folders():
            if name.startswith(CHECKPOINT) and name < newest:
                (folder / name).remove()

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Count a restart: the trial failed and is tried again from its last checkpoint."""
        row = self._row(trial)
        with self._writing():
            reason, _diverged = self._reason(trial)
            self._held.end(row, self._elapsed())
            row |= {"restarts": row["restarts"] + 1, "restart_reason": reason}
            self.folder.write_trials(self.rows.values())

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        row = self._row(trial)
        end = ending(self.problem, row, goes_on=False)
        status, reason = end or (TrialStatus.FAILED, "it ended without an evaluation")
        self._finish(row, status, reason)
        diverged = end is not None and status == TrialStatus.FAILED
        self.failures.ended(status, reason, diverged)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        if self.interrupted():
            return  # its process had the signal too
        queued = cast(QueuedTrial, trial)
        if queued.has_tries_left:  # the queue has it again
            if not queued.repeated:
                self.on_trial_recover(iteration, trials, trial)
            return
        row, (reason, diverged) = self._row(trial), self._reason(trial)
        self._finish(row, TrialStatus.FAILED, reason)
        self.failures.ended(TrialStatus.FAILED, reason, diverged)

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        if self.storage:
            self.fatal = self.fatal or self.storage.fatal
        if self.watch:
            self._end_what_is_silent(self.watch, trials)
        with self.notices.beside("the display"):
            self.display.update(self.rows.values(), self.watch.doing if self.watch else {})
        with self.notices.beside("the page of the running study"):
            self.page.redraw_if_due()

    def _end_what_is_silent(self, watch: Watch, trials: list[Trial]) -> None:
        """Kill the processes of trials that show no sign of life; Ray then tries them again."""
        actors = {trial.trial_id: trial.temporary_state.ray_actor for trial in trials}
        watch.running = [trial_id for trial_id, actor in actors.items() if actor]
        while watch.given_up:
            trial_id, reason = watch.given_up.popitem()
            if actor := actors.get(trial_id):
                self._given_up[trial_id] = reason
                ray.kill(actor)

    def end_open_trials(self) -> None:
        """Record all running trials as interrupted; called when the study ends, however it does."""
        for row in self.rows.values():
            if row["status"] == TrialStatus.RUNNING:
                self._finish(row, *INTERRUPTED)
        self._log_what_is_not()
        with self.notices.beside(LOGS):
            self._logs.close_all()
        if isinstance(outlet := self.display.console.file, Outlet) and outlet.error:
            self.notices.tell("the output", f"the output is lost ({outlet.error.strerror})")
        self.export.flush()
        self.page.finish()
        if self.storage:
            with self.notices.beside("the copy on the storage, which --resume completes"):
                self.storage.push()

    def _finish(self, row: dict[str, Any], status: TrialStatus, reason: str) -> None:
        row |= {"status": status, "stop_reason": reason, "ended_s": self._elapsed()}
        self._held.end(row, self._elapsed())
        with self._writing():
            self.folder.write_trials(self.rows.values())
        self.export.put(row)
        with self.notices.beside(LOGS):
            self._logs.close(row["trial_id"])
        with self.notices.beside("the display"):
            self.display.trial_ended(row)

    def stop_paused(self) -> None:
        """Record that the trials that wait at a rung will not go on: the search is over."""
        for row in self.rows.values():
            if row["status"] == TrialStatus.PAUSED:
                row["status"] = TrialStatus.STOPPED
                self.export.put(row)
        with self._writing():
            self.folder.write_trials(self.rows.values())

    def held_s(self) -> float:
        """Return the seconds that all trials have held their share, up to now."""
        for row in self.rows.values():
            self._held.note(row, self._elapsed())
        return held_s(self.rows.values())

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _reason(self, trial: Trial) -> tuple[str, bool]:
        """Return why a trial failed, in one line, and whether its numbers diverged.

        It is the innermost exception; Ray wraps it once or twice. Absolute paths are shortened,
        since results are shared. A full disk is noted as :attr:`fatal`.
        """
        if reason := self._given_up.pop(trial.trial_id, ""):
            return reason, False
        if trial.pickled_error_file is None:
            return "the trial ended without an error of its own; see Ray's logs", False
        try:
            error: Any = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        except Exception as unreadable:  # an exception of anyone's making
            error = unreadable
        while getattr(error, "cause", None):
            error = error.cause
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            self.fatal = self.fatal or error
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        return without_folders(text)[:300], isinstance(error, ArithmeticError)
