"""Ray Tune's events → the results folder, the Optuna mirror and the terminal."""

import math
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
from study.results import SAMPLES_FOLDER, ResultsFolder

PICTURES = "pictures"  # the folder of a checkpoint that is brought to the results


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
        names = (self.subject.resource, *(metric.name for metric in self.subject.metrics))
        row |= {name: result[name] for name in names}
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
            self._finish(trial, "failed", "an objective is not a finite number")
        elif spent >= self.subject.max_resource:
            self._finish(trial, "completed", f"ran all {spent} {self.subject.resource}s")
        else:
            self._finish(trial, "stopped", f"not among the best at {self.subject.resource} {spent}")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        self._finish(trial, "failed", _reason(trial))

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        self.display.update(self.rows.values())

    def on_experiment_end(self, trials: list[Trial], **_: Any) -> None:
        """Nothing stays running: what had not ended was interrupted."""
        for trial in trials:
            if self._row(trial)["status"] == "running":
                self._finish(trial, "interrupted", "the study was interrupted")

    def _finish(self, trial: Trial, status: str, reason: str) -> None:
        row = self._row(trial)
        row |= {"status": status, "stop_reason": reason, "ended_s": self._elapsed()}
        parameters = {parameter.name for parameter in self.subject.parameters}
        attributes = {key: value for key, value in row.items() if key not in parameters}
        self.mirror.finish(trial.trial_id, status, attributes)
        self.folder.write_trials(self.rows.values())
        self.display.trial_ended(row)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)


def _reason(trial: Trial) -> str:
    """The innermost exception in one line: Ray wraps it once or twice."""
    error: BaseException = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    while getattr(error, "cause", None):
        error = error.cause  # type: ignore[attr-defined]
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def picture_path(folder: Path, stage: str) -> Path:
    """Where a trial puts the picture of a stage, inside its checkpoint."""
    (folder / PICTURES).mkdir(exist_ok=True)
    return folder / PICTURES / f"{stage}.png"
