"""A study's trials in an Optuna storage, for optuna-dashboard and for ``optuna.load_study``.

The sampler works on a study of its own, in memory; this one is never read by it. Early-stopped
trials are PRUNED here and have no objective values, since theirs belong to a smaller budget; what
they reached is among their attributes. An interrupted trial is WAITING: it goes on when the study
is resumed, and Optuna cannot open an ended trial again.

Writing is idempotent: each row is the whole state of its trial, and what the storage has already
is left alone. So a storage that was out of reach, or behind when a process was killed, catches up.
"""

import math
import re
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from study.results.folder import PARTS
from study.spec.errors import SettingError
from study.spec.optuna_space import distribution
from study.spec.problem import Problem
from study.spec.status import TrialStatus

STATES = {
    TrialStatus.RUNNING: TrialState.RUNNING,
    TrialStatus.INTERRUPTED: TrialState.WAITING,
    TrialStatus.COMPLETED: TrialState.COMPLETE,
    TrialStatus.STOPPED: TrialState.PRUNED,
    TrialStatus.FAILED: TrialState.FAIL,
}

SQLITE_WAIT_S = 60.0
"""How long to wait for a lock that another reader or writer holds."""


def redacted(url: str) -> str:
    """Return a storage URL without its user and password."""
    return re.sub(r"//[^/@]*@", "//***@", url)


def open_storage(url: str) -> BaseStorage:
    """Return the storage behind an Optuna URL; raise whatever Optuna raises."""
    if url.startswith("sqlite"):
        return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SQLITE_WAIT_S}})
    return optuna.storages.get_storage(url)


def check_storage(url: str, name: str, is_new: bool) -> None:
    """Try the storage before any work.

    Args:
        is_new: neither the study nor a part of it may be there; two would become one.

    Raises:
        SettingError: the storage has a study of that name.
        Exception: whatever Optuna raises where the storage cannot be used.
    """
    studies = set(optuna.get_all_study_names(open_storage(url)))
    if is_new and studies & {name, *(f"{name}-{part}" for part in PARTS)}:
        raise SettingError("name", name, f"a new name; {redacted(url)} has a study of this name")


def rename_studies(database: Path, before: str, now: str) -> str:
    """Give a study in its own database, and its parts, the name of a folder that was renamed.

    Returns:
        Why that could not be done; empty if it was.
    """
    try:
        storage = open_storage(f"sqlite:///{database}")
        for part in (*(f"-{part}" for part in PARTS), ""):
            old, new = before + part, now + part
            there = optuna.get_all_study_names(storage)
            if old in there and new not in there:
                optuna.copy_study(
                    from_study_name=old, from_storage=storage, to_storage=storage, to_study_name=new
                )
            if old in there:
                optuna.delete_study(study_name=old, storage=storage)
    except (optuna.exceptions.OptunaError, SQLAlchemyError) as error:
        return str(error.__cause__ or error).splitlines()[0]
    return ""


class OptunaExport:
    """A study of an Optuna storage that is kept like the rows of ``trials.csv``.

    Args:
        url: the storage; the study is made if it is not there.
        name: the study's name.
        samples: the folder that has a folder of pictures for each trial.
        artifacts: where Optuna's copies of the pictures are kept.
        warn: called with one line when the storage cannot be written. The study goes on, and so
            does the export when the storage can be written again.
    """

    def __init__(
        self,
        url: str,
        name: str,
        problem: Problem,
        *,
        samples: Path,
        artifacts: Path,
        warn: Callable[[str], None],
    ) -> None:
        self.problem, self._samples, self._warn = problem, samples, warn
        self._storage = open_storage(url)
        study = optuna.create_study(
            study_name=name,
            storage=self._storage,
            directions=["minimize" if d == "min" else "maximize" for d in problem.directions],
            load_if_exists=True,
        )
        with warnings.catch_warnings():  # marked experimental since optuna 3.2
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(problem.objectives))
        self._study_id = study._study_id
        artifacts.mkdir(exist_ok=True)
        self._artifacts = FileSystemArtifactStore(artifacts)
        self._trials: dict[str, tuple[int, TrialState]] = {}
        """Ray's trial id → the storage's number, and the state that the trial has there."""
        for trial in study.get_trials(deepcopy=False):
            if trial_id := trial.user_attrs.get("ray_trial_id"):
                self._trials[trial_id] = (trial._trial_id, trial.state)
        self._behind: dict[str, Mapping[str, Any]] = {}
        # in a thread: trials do not wait for a slow database
        self._writer = ThreadPoolExecutor(1, "export")
        self._last: Future[None] | None = None

    def put(self, row: Mapping[str, Any]) -> None:
        """Have a trial written as its row says; :meth:`flush` waits for it."""
        if self._last and self._last.done():
            self._last.result()  # raises what is no trouble of the storage
        self._behind[row["trial_id"]] = dict(row)
        self._last = self._writer.submit(self._catch_up)

    def flush(self) -> None:
        """Try once more to write what is behind, and wait until that is done."""
        self._writer.submit(self._catch_up).result()

    def evaluated(self, row: Mapping[str, Any]) -> None:
        """Write an intermediate value; Optuna has them for a single objective only."""
        if len(self.problem.objectives) == 1:
            self.put(row)

    def _catch_up(self) -> None:
        while self._behind:
            trial_id, row = next(iter(self._behind.items()))
            try:
                self._write(row)
            except (optuna.exceptions.OptunaError, SQLAlchemyError, OSError) as error:
                reason = str(error.__cause__ or error).splitlines()[0]
                self._warn(f"the Optuna storage is {len(self._behind)} trials behind: {reason}")
                return
            if self._behind[trial_id] is row:  # else it has changed meanwhile, and is written again
                del self._behind[trial_id]

    def _write(self, row: Mapping[str, Any]) -> None:
        state = STATES[row["status"]]
        if row["trial_id"] not in self._trials:
            self._begin(
                row, TrialState.WAITING if state == TrialState.WAITING else TrialState.RUNNING
            )
        number, before = self._trials[row["trial_id"]]
        if before.is_finished():
            return
        value = row.get(self.problem.objectives[0], math.nan)
        if len(self.problem.objectives) == 1 and math.isfinite(value):
            self._storage.set_trial_intermediate_value(number, row[self.problem.resource], value)
        if before == state:
            return
        values = None
        if state.is_finished():
            self._describe(number, row)
        if state == TrialState.COMPLETE:
            values = [float(row[name]) for name in self.problem.objectives]
        self._storage.set_trial_state_values(number, state, values)
        self._trials[row["trial_id"]] = (number, state)

    def _begin(self, row: Mapping[str, Any], state: TrialState) -> None:
        template = optuna.trial.create_trial(
            state=state,
            params={p.name: row[p.name] for p in self.problem.parameters},
            distributions={p.name: distribution(p) for p in self.problem.parameters},
            user_attrs={"ray_trial_id": row["trial_id"]},
        )
        number = self._storage.create_new_trial(self._study_id, template)
        self._trials[row["trial_id"]] = (number, state)

    def _describe(self, number: int, row: Mapping[str, Any]) -> None:
        """Write all that is known of an ended trial, and its pictures."""
        skip = {"trial_id", *(p.name for p in self.problem.parameters)}
        for key, value in row.items():
            if key not in skip and not (isinstance(value, float) and not math.isfinite(value)):
                self._storage.set_trial_user_attr(number, key, value)
        pictures = sorted((self._samples / row["trial_id"]).glob("*.png"))
        if not pictures:
            return
        relative = f"{self._samples.name}/{row['trial_id']}"
        self._storage.set_trial_user_attr(number, "samples", relative)
        trial = self._storage.get_trial(number)
        there = {m.filename for m in get_all_artifact_meta(trial, storage=self._storage)}
        for picture in pictures:
            if picture.name not in there:
                upload_artifact(
                    artifact_store=self._artifacts,
                    file_path=str(picture),
                    study_or_trial=trial,
                    storage=self._storage,
                )
