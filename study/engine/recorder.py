"""Ray Tune's events → the results folder, the Optuna storage and the terminal."""

import contextlib
import errno
import functools
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.utils.util import SafeFallbackEncoder  # type: ignore[attr-defined]
from tensorboardX import SummaryWriter

from study.engine.checkpoints import bring_pictures
from study.engine.recovery import INTERRUPTED, RESULT_FILE, ending
from study.engine.reporting import METRICS, PLACE
from study.engine.terminal import Display
from study.page.refresher import LivePage
from study.results.files import write_text
from study.results.folder import CHECKPOINT, RAY_FOLDER, SAMPLES_FOLDER, ResultsFolder
from study.results.optuna_export import OptunaExport
from study.results.remote import RemotePath, StorageCopy
from study.spec.problem import Problem
from study.spec.status import TrialStatus

FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:'\"]+/)+")
"""Matches the folders of an absolute path."""


class Recorder(Callback):
    """The callback that writes a row per evaluation at once, and a row per trial as it changes.

    It also writes what Ray's own loggers would, straight to its place: they write elsewhere, copy
    everything again and again, and lose what was not yet copied.

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
        rows: list[dict[str, Any]],
    ) -> None:
        self.problem, self.folder, self.export, self.display = (
            problem,
            folder,
            export,
            display,
        )
        self.page, self.place, self.storage = page, place, storage
        self.rows: dict[str, dict[str, Any]] = {row["trial_id"]: row for row in rows}
        self.fatal: OSError | None = None
        """The error because of which no result can be written any more."""
        self._nodes: dict[str, str] = {}
        """The names of nodes that have been up, by id."""
        self._writers: dict[str, SummaryWriter] = {}
        # times continue from the last session
        spent = max((row.get("ended_s", row["started_s"]) for row in rows), default=0.0)
        self._began = time.monotonic() - spent
        for row in rows:
            self.export.put(row)

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """Pickle as a plain callback: Ray pickles it, and open files cannot be pickled."""
        return Callback, ()

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
        row |= {metric.name: result[METRICS][metric.name] for metric in self.problem.metrics}
        row[self.problem.resource] = result[self.problem.resource]
        row |= {**result[PLACE], "node": self._node_name(result[PLACE]["node"])}
        row["concurrent"] = sum(
            other["status"] == TrialStatus.RUNNING for other in self.rows.values()
        )
        with self._writing():
            self._log(trial, result)  # before the row: what is on record has been logged
            evaluation = {**row, "elapsed_s": self._elapsed(), "checkpoint": checkpoint}
            self.folder.append_history(evaluation)
            self.export.evaluated(row)

    def _node_name(self, node_id: str) -> str:
        if node_id not in self._nodes:
            self._nodes = {node["NodeID"]: node["NodeName"] for node in ray.nodes()}
        return self._nodes[node_id]

    def _log(self, trial: Trial, result: dict[str, Any]) -> None:
        """Write the evaluation for Ray's readers of results, and for TensorBoard."""
        folder = self.folder.path / RAY_FOLDER / trial.trial_id
        folder.mkdir(parents=True, exist_ok=True)
        if trial.trial_id not in self._writers:
            write_text(folder / "params.json", json.dumps(trial.config, cls=SafeFallbackEncoder))
            self._writers[trial.trial_id] = SummaryWriter(str(folder), write_to_disk=True)
        with (folder / RESULT_FILE).open("a") as file:
            file.write(json.dumps(result, cls=SafeFallbackEncoder) + "\n")
        writer, step = self._writers[trial.trial_id], result[self.problem.resource]
        for name, value in result[METRICS].items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                writer.add_scalar(name, value, step)
        writer.flush()

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Bring the checkpoint's pictures home, after the storage's copy (if any) has its row."""
        checkpoint = trial.checkpoint
        assert checkpoint is not None  # it has just been saved
        place = RemotePath(checkpoint.filesystem, checkpoint.path)
        job = functools.partial(self._bring_home, trial.trial_id, place)
        if self.storage:  # the one before is the last that the copy of the history knows of
            self.storage.later(f"{self.folder.path.name}/{trial.trial_id}", job)
        else:
            job()

    def _bring_home(self, trial_id: str, checkpoint: RemotePath) -> None:
        """Copy a checkpoint's pictures to the results; remove the trial's older checkpoints."""
        if self.fatal:
            return  # its evaluation may not be on record, and the one before it is needed
        with self._writing():
            bring_pictures(checkpoint, self.folder.path / SAMPLES_FOLDER / trial_id)
            trial, _, newest = checkpoint.path.rpartition("/")
            for name in (folder := RemotePath(checkpoint.filesystem, trial)).folders():
                if name.startswith(CHECKPOINT) and name < newest:
                    (folder / name).remove()

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Count a restart: the trial failed and is tried again from its last checkpoint."""
        row = self._row(trial)
        with self._writing():
            row |= {"restarts": row["restarts"] + 1, "restart_reason": self._reason(trial)}
            self.folder.write_trials(self.rows.values())

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        row = self._row(trial)
        end = ending(self.problem, row, goes_on=False)
        self._finish(row, *(end or (TrialStatus.FAILED, "it ended without an evaluation")))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        with self._writing():
            self._finish(self._row(trial), TrialStatus.FAILED, self._reason(trial))

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        if self.storage:
            self.fatal = self.fatal or self.storage.fatal
        self.display.update(self.rows.values())
        self.page.redraw_if_due()

    def end_open_trials(self) -> None:
        """Record all running trials as interrupted; called when the study ends, however it does."""
        for row in self.rows.values():
            if row["status"] == TrialStatus.RUNNING:
                self._finish(row, *INTERRUPTED)
        self.export.flush()
        self.page.finish()
        if self.storage:
            with self._writing():
                self.storage.push()

    def _finish(self, row: dict[str, Any], status: TrialStatus, reason: str) -> None:
        row |= {"status": status, "stop_reason": reason, "ended_s": self._elapsed()}
        if writer := self._writers.pop(row["trial_id"], None):
            writer.close()
        with self._writing():
            self.folder.write_trials(self.rows.values())
            self.export.put(row)
        self.display.trial_ended(row)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _reason(self, trial: Trial) -> str:
        """Return the innermost exception in one line; Ray wraps it once or twice.

        Absolute paths are shortened, since results are shared. A full disk is noted as
        :attr:`fatal`.
        """
        if trial.pickled_error_file is None:
            return "the trial ended without an error of its own; see Ray's logs"
        error: BaseException = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        while getattr(error, "cause", None):
            error = error.cause  # type: ignore[attr-defined]
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            self.fatal = self.fatal or error
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
        return FOLDERS.sub("…/", text)
