"""Ray Tune's events → the results folder, the Optuna mirror and the terminal."""

import math
import re
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
from ray import cloudpickle
from ray.tune import Callback
from ray.tune.experiment import Trial

from study.description import Description
from study.display import Display
from study.mirror import OptunaMirror
from study.reporting import METRICS, PICTURES
from study.results import SAMPLES_FOLDER, ResultsFolder

FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:'\"]+/)+")
"""The folders of an absolute path."""


class Recorder(Callback):
    """Keeps the results current: a row per evaluation at once, a row per trial as it ends."""

    def __init__(
        self, subject: Description, folder: ResultsFolder, mirror: OptunaMirror, display: Display
    ) -> None:
        self.subject, self.folder, self.mirror, self.display = subject, folder, mirror, display
        self.rows: dict[str, dict[str, Any]] = {}
        self.began = time.monotonic()

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """Ray pickles callbacks with the experiment; open files and a terminal do not travel."""
        return Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        self._row(trial)
        self.folder.write_trials(self.rows.values())

    def _row(self, trial: Trial) -> dict[str, Any]:
        """The trial's row, begun when it is first heard of: at its start, or at its early death."""
        if trial.trial_id not in self.rows:
            parameters = {p.name: trial.config[p.name] for p in self.subject.parameters}
            self.rows[trial.trial_id] = {
                "trial_id": trial.trial_id,
                "status": "running",
                "stop_reason": "",
                "started_s": self._elapsed(),
                self.subject.resource: 0,
                **parameters,
            }
            self.mirror.start(trial.trial_id, parameters)
        return self.rows[trial.trial_id]

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        row = self._row(trial)
        row |= {metric.name: result[METRICS][metric.name] for metric in self.subject.metrics}
        row[self.subject.resource] = result[self.subject.resource]
        row["concurrent"] = sum(other["status"] == "running" for other in self.rows.values())
        self.folder.append_history({**row, "elapsed_s": self._elapsed()})

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Bring the pictures home, from wherever the checkpoint is stored."""
        checkpoint = trial.checkpoint
        assert checkpoint is not None  # it has just been saved
        target = self.folder.path / SAMPLES_FOLDER / trial.trial_id
        target.mkdir(exist_ok=True)
        pyarrow.fs.copy_files(
            f"{checkpoint.path}/{PICTURES}",
            str(target),
            source_filesystem=checkpoint.filesystem,
            destination_filesystem=pyarrow.fs.LocalFileSystem(),
        )

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        row = self._row(trial)
        spent = row[self.subject.resource]
        if not all(math.isfinite(row.get(name, math.nan)) for name in self.subject.objectives):
            self._finish(row, "failed", "an objective is not a finite number")
        elif spent >= self.subject.max_resource:
            self._finish(row, "completed", f"ran all {spent} {self.subject.resource}s")
        else:
            self._finish(row, "stopped", f"not among the best at {self.subject.resource} {spent}")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        self._finish(self._row(trial), "failed", _reason(trial))

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        self.display.update(self.rows.values())

    def end_open_trials(self) -> None:
        """Nothing stays running when the study has ended, however it ended."""
        for row in self.rows.values():
            if row["status"] == "running":
                self._finish(row, "interrupted", "the study was interrupted")

    def _finish(self, row: dict[str, Any], status: str, reason: str) -> None:
        row |= {"status": status, "stop_reason": reason, "ended_s": self._elapsed()}
        parameters = {parameter.name for parameter in self.subject.parameters}
        attributes = {key: value for key, value in row.items() if key not in parameters}
        self.mirror.finish(row["trial_id"], status, attributes)
        self.folder.write_trials(self.rows.values())
        self.display.trial_ended(row)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)


def _reason(trial: Trial) -> str:
    """The innermost exception in one line: Ray wraps it once or twice. Without the user's folders,
    since results are passed on."""
    if trial.pickled_error_file is None:
        return "the trial ended without an error of its own; see Ray's logs"
    error: BaseException = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    while getattr(error, "cause", None):
        error = error.cause  # type: ignore[attr-defined]
    text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return FOLDERS.sub("…/", text)
