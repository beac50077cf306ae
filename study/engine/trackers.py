"""Experiment trackers that trials can be logged to: MLflow, Weights & Biases, TensorBoard.

MLflow and Weights & Biases are reached through Ray's own logger callbacks. Ray's one for
TensorBoard names the machine, and its thread hangs on a full disk: :class:`EventFile` is used in
its place.
"""

import functools
import importlib.util
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import ray

from study.engine.event_file import EventFile
from study.spec.errors import SettingError
from study.spec.status import TrialStatus

PACKAGES = {"mlflow": "mlflow", "wandb": "wandb", "tensorboard": "tensorboardX"}
"""The trackers by name, each with the package that writes for it."""

MLFLOW_URI = "MLFLOW_TRACKING_URI"
"""The environment variable that leads to a server of MLflow."""

MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""The tag by which MLflow shows runs with their parameters and metrics, not as those of prompts."""

UPLOAD_S = 60
"""Seconds that the end of a study waits for Weights & Biases."""

LONGEST_TAG = 64
"""The most characters of a tag in Weights & Biases."""

Pictures = Mapping[str, npt.NDArray[np.uint8]]
"""The pictures of a trial's stages by name, each (height, width, 3)."""


@dataclass(frozen=True, eq=False)
class TrackedTrial:
    """A trial as a tracker gets it; Ray's callbacks take it for one of Ray's own.

    Attributes:
        config: its hyperparameters, and its seed.
        local_path: the folder in which Ray's processes for Weights & Biases work.
    """

    trial_id: str
    config: dict[str, Any]
    local_path: str = tempfile.gettempdir()

    def __str__(self) -> str:
        return self.trial_id


class Tracker(Protocol):
    """What gets the trials of a study; any error ends its use, never a trial."""

    def begin(self, trial: TrackedTrial) -> None:
        """Note that a trial begins, or goes on in another session of its study."""

    def log(self, trial: TrackedTrial, step: int, metrics: Mapping[str, float]) -> None:
        """Note an evaluation, at a step in units of the problem's resource."""

    def show(self, trial: TrackedTrial, step: int, pictures: Pictures) -> None:
        """Note the pictures of an evaluation."""

    def end(self, trial: TrackedTrial, status: TrialStatus) -> None:
        """Note how a trial has ended."""

    def close(self) -> None:
        """Write what has not been written yet."""


class MLflow:
    """A run per trial in an experiment per study.

    They go to ``MLFLOW_TRACKING_URI``, or to a database and a folder of artifacts in ``folder``.
    """

    def __init__(self, study: str, tags: Mapping[str, str], folder: Path) -> None:
        # a server that is down is given up after seconds, not minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        import mlflow
        from ray.air.integrations.mlflow import MLflowLoggerCallback

        for name in ("mlflow", "alembic"):  # they tell of each table that they make
            logging.getLogger(name).setLevel(logging.WARNING)
        given = os.environ.get(MLFLOW_URI)
        if given is None:
            folder.mkdir(parents=True, exist_ok=True)
        uri = given or f"sqlite:///{folder.resolve() / 'mlflow.db'}"
        artifacts = None if given else (folder / "artifacts").resolve().as_uri()
        self._client, self._metric = mlflow.MlflowClient(tracking_uri=uri), mlflow.entities.Metric
        experiment = self._client.get_experiment_by_name(study)
        self._experiment = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(study, artifacts, tags=MODEL_TRAINING)
        )
        self._callback: Any = MLflowLoggerCallback(
            tracking_uri=uri, experiment_name=study, tags=dict(tags)
        )
        self._callback.setup()
        if given is None:  # MLflow exports its address, where it would pass for the user's
            os.environ.pop(MLFLOW_URI, None)
        self._runs = self._callback._trial_runs

    def begin(self, trial: TrackedTrial) -> None:
        """Begin a run, or go on with the one that an earlier session began."""
        begun = self._client.search_runs(
            [self._experiment], f"tags.trial_name = '{trial}'", max_results=1
        )
        if begun:
            self._runs[trial] = begun[0].info.run_id
            self._client.update_run(self._runs[trial], status="RUNNING")
        self._callback.log_trial_start(trial)

    def log(self, trial: TrackedTrial, step: int, metrics: Mapping[str, float]) -> None:
        """Note an evaluation in one request; Ray's callback makes two of each metric."""
        now_ms = int(time.time() * 1000)
        values = [self._metric(name, value, now_ms, step) for name, value in metrics.items()]
        self._client.log_batch(self._runs[trial], metrics=values)

    def show(self, trial: TrackedTrial, step: int, pictures: Pictures) -> None:
        """Note the pictures, which MLflow shows by their step."""
        for stage, image in pictures.items():
            self._client.log_image(self._runs[trial], image, key=stage, step=step, synchronous=True)

    def end(self, trial: TrackedTrial, status: TrialStatus) -> None:
        """Note the status, which MLflow does not have, as a tag too."""
        self._callback.log_trial_end(trial, failed=status == TrialStatus.FAILED)
        self._client.set_tag(self._runs[trial], "status", str(status))
        if status == TrialStatus.INTERRUPTED:
            self._client.set_terminated(self._runs[trial], "KILLED")

    def close(self) -> None:
        """Do nothing: all has been written."""


class WeightsAndBiases:
    """A run per trial, in a project per study and a group per part of it.

    Without ``WANDB_MODE`` nothing leaves the machine: ``wandb sync`` sends what lies in ``folder``.
    """

    def __init__(self, study: str, group: str, tags: Mapping[str, str], folder: Path) -> None:
        from ray.air.integrations.wandb import WandbLoggerCallback

        class Callback(WandbLoggerCallback):
            """Ray's callback, which lets errors of the processes that log be seen."""

            def _cleanup_logging_actor(self, trial: Any) -> None:
                future = self._trial_logging_futures[trial]
                super()._cleanup_logging_actor(trial)
                ray.get(future)

        mode = os.environ.setdefault("WANDB_MODE", "offline")
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._callback: Any = Callback(
            project=os.environ.get("WANDB_PROJECT", study),
            group=group,
            upload_timeout=UPLOAD_S,
            tags=[f"{name}: {value}"[:LONGEST_TAG] for name, value in tags.items()],
            dir=str(self._folder),
            mode=mode,
            resume="allow",  # a trial that goes on in another session is one run
        )
        self._callback.setup()

    def begin(self, trial: TrackedTrial) -> None:
        """Start the two processes that Ray's callback has for each trial."""
        self._callback.log_trial_start(trial)

    def log(self, trial: TrackedTrial, step: int, metrics: Mapping[str, float]) -> None:
        """Note an evaluation."""
        self._callback.log_trial_result(0, trial, {**metrics, "training_iteration": step})

    def show(self, trial: TrackedTrial, step: int, pictures: Pictures) -> None:
        """Note the pictures at the step of their evaluation."""
        self._callback.log_trial_result(0, trial, {**pictures, "training_iteration": step})

    def end(self, trial: TrackedTrial, status: TrialStatus) -> None:
        """End the run."""
        self._callback.log_trial_end(trial, failed=status == TrialStatus.FAILED)

    def close(self) -> None:
        """Wait for the processes that log."""
        self._callback.on_experiment_end([])


class TensorBoard:
    """A folder of events per trial: scalars, images, the tags as text, and a line under HParams."""

    def __init__(self, tags: Mapping[str, str], folder: Path) -> None:
        self._tags, self._folder = tags, folder
        self._files: dict[TrackedTrial, EventFile] = {}

    def begin(self, trial: TrackedTrial) -> None:
        """Open a file of events."""
        (folder := self._folder / trial.trial_id).mkdir(parents=True, exist_ok=True)
        self._files[trial] = file = EventFile(folder)
        file.begin_hyperparameters(trial.config)
        file.add_text("tags", "  \n".join(f"{name}: {value}" for name, value in self._tags.items()))
        file.flush()

    def log(self, trial: TrackedTrial, step: int, metrics: Mapping[str, float]) -> None:
        """Note an evaluation."""
        for name, value in metrics.items():
            self._files[trial].add_scalar(name, value, step)
        self._files[trial].flush()

    def show(self, trial: TrackedTrial, step: int, pictures: Pictures) -> None:
        """Note the pictures."""
        for stage, image in pictures.items():
            self._files[trial].add_image(stage, image, step)
        self._files[trial].flush()

    def end(self, trial: TrackedTrial, status: TrialStatus) -> None:
        """Close the file, as that of a success unless the trial has failed or was cut off."""
        file = self._files.pop(trial)
        if status in (TrialStatus.COMPLETED, TrialStatus.STOPPED):
            file.end_hyperparameters()
        file.close()

    def close(self) -> None:
        """Close the files of trials that have not ended."""
        for file in self._files.values():
            file.close()


def check_installed(names: Sequence[str]) -> None:
    """Raise SettingError unless these are trackers, each once, and their packages are there."""
    known = f"one or more of {', '.join(PACKAGES)}, each once, with commas between"
    if len(set(names)) < len(names) or not set(names) <= set(PACKAGES):
        raise SettingError("log_to", ",".join(names), known)
    for name in names:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            expected = f"a tracker that is installed: pip install {PACKAGES[name]}"
            raise SettingError("log_to", name, expected)


def make_trackers(
    names: Sequence[str], home: Path, part: Path, tags: Mapping[str, str]
) -> dict[str, Callable[[], Tracker]]:
    """Return what makes the trackers of these names, by name.

    MLflow and Weights & Biases keep all studies beside each other, in the folder of the results:
    their files name the machine and its user, which those of a study never do.

    Args:
        home: the results folder of the study.
        part: that of the part whose trials are run; the same if it is the study's own search.
        tags: what the trials have in common, by name.
    """
    tags = {"study": home.name, "part": "search" if part == home else part.name, **tags}
    makers: dict[str, Callable[[], Tracker]] = {
        "mlflow": functools.partial(MLflow, home.name, tags, home.parent / "mlflow"),
        "wandb": functools.partial(
            WeightsAndBiases, home.name, tags["part"], tags, home.parent / "wandb"
        ),
        "tensorboard": functools.partial(TensorBoard, tags, part / "tensorboard"),
    }
    return {name: makers[name] for name in names}
