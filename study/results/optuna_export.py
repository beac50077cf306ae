"""A study's trials in an Optuna storage, for optuna-dashboard and for ``optuna.load_study``.

The sampler works on a study of its own, in memory; this one is never read by it. Early-stopped
trials are PRUNED here and have no objective values, since theirs belong to a smaller budget; what
they reached is among their attributes. A trial that is interrupted, or waits at a rung, is WAITING:
it may go on, and Optuna cannot open an ended trial again.

Writing is idempotent: each row is the whole state of its trial, and what the storage has already
is left alone. So a storage that was out of reach, or behind when a process was killed, catches up.
A failed trial that is tried again in a later session is a second trial there, of the same
``ray_trial_id``: the last one counts.
"""

import math
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from study.results.folder import PARTS
from study.results.private import redacted, scrubbed
from study.spec.errors import DamagedFile, SettingError
from study.spec.optuna_space import distribution
from study.spec.problem import Problem
from study.spec.status import TrialStatus

STATES = {
    TrialStatus.RUNNING: TrialState.RUNNING,
    TrialStatus.INTERRUPTED: TrialState.WAITING,
    TrialStatus.PAUSED: TrialState.WAITING,
    TrialStatus.COMPLETED: TrialState.COMPLETE,
    TrialStatus.STOPPED: TrialState.PRUNED,
    TrialStatus.FAILED: TrialState.FAIL,
}

SQLITE_WAIT_S = 10.0
"""Seconds to wait for a lock that another reader or writer holds."""

FLUSH_S = 30.0
"""The most seconds that the end of a study waits for a storage."""


def file_url(path: Path) -> str:
    """Return the URL of a database in a file, whatever characters its name has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_storage(url: str) -> BaseStorage:
    """Return the storage behind an Optuna URL; raise whatever Optuna raises."""
    if url.startswith("sqlite"):
        return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SQLITE_WAIT_S}})
    return optuna.storages.get_storage(url)


def check_file(path: Path) -> None:
    """Raise DamagedFile if a study's own database is there and cannot be used."""
    if not path.exists():
        return
    try:
        optuna.get_all_study_names(open_storage(file_url(path)))
    except (optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        remedy = "move it away: it is made again from trials.csv"
        raise DamagedFile(path, f"is no database of Optuna: {reason}", remedy) from None


def check_storage(url: str, name: str, is_new: bool) -> None:
    """Try the storage before any work.

    Args:
        is_new: neither the study nor a part of it may be there; two would become one.

    Raises:
        SettingError: the storage cannot be used, or has a study of that name.
    """
    try:
        studies = set(optuna.get_all_study_names(open_storage(url)))
    except Exception as error:  # Optuna, SQLAlchemy and a driver each raise their own
        reason = scrubbed(str(error), url).strip().partition("\n")[0]
        expected = f"an Optuna storage that can be used: {type(error).__name__}: {reason}"
        raise SettingError("storage_url", redacted(url), expected) from None
    if is_new and studies & {name, *(f"{name}-{part}" for part in PARTS)}:
        raise SettingError("name", name, f"a new name; {redacted(url)} has a study of this name")


def rename_studies(database: Path, before: str, now: str) -> str:
    """Give a study in its own database, and its parts, the name of a folder that was renamed.

    Returns:
        Why that could not be done; empty if it was.
    """
    try:
        storage = open_storage(file_url(database))
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

    Nothing that is wrong with the storage reaches the study: it may be locked, read-only, full or
    out of reach, then and now or from the start, and its file may be deleted. All trials are
    written once it can be written, here or in the next session.

    Args:
        url: the storage; the study is made if it is not there.
        name: the study's name.
        samples: the folder that has a folder of pictures for each trial.
        artifacts: where Optuna's copies of the pictures are kept.
        warn: called with one line at each attempt to write the storage that failed.
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
        self.url, self.name, self.problem = url, name, problem
        self._samples, self._artifacts, self._warn = samples, artifacts, warn
        self._storage: BaseStorage | None = None
        self._file: tuple[int, int] | None = None
        """What the file of the database was when it was opened: device and number."""
        self._trials: dict[str, tuple[int, TrialState]] = {}
        """Ray's trial id → the storage's number, and the state that the trial has there."""
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._behind: dict[str, Mapping[str, Any]] = {}
        self._thread: threading.Thread | None = None

    def put(self, row: Mapping[str, Any]) -> None:
        """Have a trial written as its row says; :meth:`flush` waits for it."""
        self._rows[row["trial_id"]] = self._behind[row["trial_id"]] = dict(row)
        self._attempt()

    def evaluated(self, row: Mapping[str, Any]) -> None:
        """Write an intermediate value; Optuna has them for a single objective only."""
        if len(self.problem.objectives) == 1:
            self.put(row)

    def flush(self) -> None:
        """Try once more to write what is behind, and wait until that is done, or long enough."""
        for _ in range(2):  # an attempt that is under way may not have seen the last row
            attempt = self._attempt()
            attempt.join(FLUSH_S)
            if attempt.is_alive():
                self._warn(f"the Optuna storage does not answer; it lacks {self._lacks()}")
                return

    def _attempt(self) -> threading.Thread:
        """Begin to write what is behind, if that is not under way: trials do not wait for it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._catch_up, name="export", daemon=True)
            self._thread.start()
        return self._thread

    def _catch_up(self) -> None:
        try:
            if self._storage is None or self._file != self._file_now():
                self._open()
            while waiting := list(self._behind):
                row = self._behind[waiting[0]]
                self._write(row)
                if self._behind[waiting[0]] is row:  # else it has changed meanwhile
                    del self._behind[waiting[0]]
        except Exception as error:  # the study goes on, whatever is wrong with its database
            reason = scrubbed(str(error.__cause__ or error), self.url).splitlines()[0]
            self._warn(f"the Optuna storage lacks {self._lacks()}, which is tried again: {reason}")

    def _lacks(self) -> str:
        return f"the latest of {len(self._behind)} trials"

    def _file_now(self) -> tuple[int, int] | None:
        """Return what the file of the database is now; None if it has none, or it is gone."""
        url = make_url(self.url)
        if url.get_backend_name() != "sqlite" or not (file := Path(url.database or "")).is_file():
            return None
        status = file.stat()
        return status.st_dev, status.st_ino

    def _open(self) -> None:
        """Open the storage and its study, new or with its trials; all rows are written again."""
        self._storage = None
        storage = open_storage(self.url)
        study = optuna.create_study(
            study_name=self.name,
            storage=storage,
            directions=["minimize" if d == "min" else "maximize" for d in self.problem.directions],
            load_if_exists=True,
        )
        with warnings.catch_warnings():  # marked experimental since optuna 3.2
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(self.problem.objectives))
        self._study_id = study._study_id
        self._trials = {
            trial_id: (trial._trial_id, trial.state)
            for trial in study.get_trials(deepcopy=False)
            if (trial_id := trial.user_attrs.get("ray_trial_id"))
        }
        self._behind = {**self._rows}
        self._storage, self._file = storage, self._file_now()

    def _write(self, row: Mapping[str, Any]) -> None:
        assert self._storage is not None
        state = STATES[row["status"]]
        there = self._trials.get(row["trial_id"])
        # one that failed and is tried again is a new trial there: Optuna opens none again
        if there is None or (there[1] == TrialState.FAIL and state != TrialState.FAIL):
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
        assert self._storage is not None
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
        assert self._storage is not None
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
        self._artifacts.mkdir(exist_ok=True)
        store = FileSystemArtifactStore(self._artifacts)
        there = {m.filename for m in get_all_artifact_meta(trial, storage=self._storage)}
        for picture in pictures:
            if picture.name not in there:
                upload_artifact(
                    artifact_store=store,
                    file_path=str(picture),
                    study_or_trial=trial,
                    storage=self._storage,
                )
