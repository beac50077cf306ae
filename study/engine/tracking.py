"""Ray Tune's events → experiment trackers, beside the trials and never in their way."""

import io
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image
from ray import tune
from ray.tune.experiment import Trial

from study.engine.checkpoints import PICTURES
from study.engine.notices import Notices
from study.engine.reporting import METRICS
from study.engine.trackers import Pictures, TrackedTrial, Tracker
from study.results.remote import RemotePath
from study.spec.problem import Problem
from study.spec.status import TrialStatus


class Tracking(tune.Callback):
    """The callback that hands trials to trackers; it comes after the recorder's.

    All work of the trackers is done by one thread, since a server may be slow. A tracker is given
    up at its first error, of which a notice tells; the trials go on. A picture that has not changed
    since the last evaluation is not handed on again. It is a context manager, whose end waits for
    the thread.

    Args:
        make: makes each tracker, by name.
        rows: the rows of all trials by id, which the recorder keeps up to date.
    """

    def __init__(
        self,
        make: Mapping[str, Callable[[], Tracker]],
        problem: Problem,
        rows: Mapping[str, Mapping[str, Any]],
        notices: Notices,
    ) -> None:
        self._make, self._problem, self._rows, self._notices = make, problem, rows, notices
        self._trackers: dict[str, Tracker] = {}
        self._trials: dict[str, TrackedTrial] = {}
        """The trials that have begun and not ended, by id."""
        self._logged = {name: int(row[problem.resource]) for name, row in rows.items()}
        """The last step of each trial that is on record, after which evaluations are new."""
        self._shown: dict[tuple[str, str], int] = {}
        """The hash of the last picture that was shown, by trial and file."""
        self._thread = ThreadPoolExecutor(1, "trackers")

    def __reduce__(self) -> tuple[type[tune.Callback], tuple[()]]:
        """Pickle as a plain callback: Ray pickles it, and trackers cannot be."""
        return tune.Callback, ()

    def __enter__(self) -> "Tracking":
        for name, make in self._make.items():
            self._thread.submit(self._begin, name, make)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for trial_id in list(self._trials):
            self._end(trial_id)
        self._later(lambda tracker: tracker.close())
        self._thread.shutdown()

    def _begin(self, name: str, make: Callable[[], Tracker]) -> None:
        with self._notices.beside(name):
            self._trackers[name] = make()

    def _later(self, act: Callable[[Tracker], None]) -> None:
        """Have something done with each tracker, after all that was asked for before."""
        for name in self._make:
            self._thread.submit(self._act, name, act)

    def _act(self, name: str, act: Callable[[Tracker], None]) -> None:
        if tracker := self._trackers.pop(name, None):
            with self._notices.beside(name):
                act(tracker)
                self._trackers[name] = tracker
            if name not in self._trackers:  # it has failed
                with self._notices.beside(name):
                    tracker.close()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        if trial.trial_id in self._trials:
            return  # it is tried again
        config = {name: trial.config[name] for name in self._problem.columns}
        tracked = self._trials[trial.trial_id] = TrackedTrial(trial.trial_id, config)
        self._later(lambda tracker: tracker.begin(tracked))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        step = result[self._problem.resource]
        tracked = self._trials.get(trial.trial_id)
        if tracked is None or step <= self._logged.get(trial.trial_id, 0):
            return
        self._logged[trial.trial_id] = step
        metrics = {
            name: float(value)
            for name, value in {**result[METRICS], self._problem.resource: step}.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        self._later(lambda tracker: tracker.log(tracked, step, metrics))

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        checkpoint, tracked = trial.checkpoint, self._trials.get(trial.trial_id)
        if checkpoint is None or tracked is None:
            return
        step = self._logged[trial.trial_id]
        with self._notices.beside("the pictures in trackers"):
            place = RemotePath(checkpoint.filesystem, checkpoint.path) / PICTURES
            pictures = self._new_pictures(trial.trial_id, place)
            self._later(lambda tracker: tracker.show(tracked, step, pictures))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        self._end(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        if self._rows[trial.trial_id]["status"] != TrialStatus.RUNNING:  # else it is tried again
            self._end(trial.trial_id)

    def _end(self, trial_id: str) -> None:
        if tracked := self._trials.pop(trial_id, None):
            status = TrialStatus(self._rows[trial_id]["status"])
            if status == TrialStatus.PAUSED:  # it begins once more if it goes on
                status = TrialStatus.STOPPED
            self._later(lambda tracker: tracker.end(tracked, status))

    def _new_pictures(self, trial_id: str, folder: RemotePath) -> Pictures:
        """Return the pictures of a checkpoint by stage, as far as they have changed."""
        pictures = {}
        for name in folder.files():
            if not name.endswith(".png"):
                continue
            file, key = folder.read(name), (trial_id, name)
            if self._shown.get(key) != (digest := hash(file)):
                self._shown[key] = digest
                with Image.open(io.BytesIO(file)) as image:
                    pictures[PurePosixPath(name).stem] = np.asarray(image.convert("RGB"))
        return pictures
