"""The results folder: how its files are written, and read back to go on writing.

Nothing here knows Ray. Files that change are replaced in one step; ``history.csv`` only grows, and
a last line that was cut short is not read. Typed records are made by :mod:`study.results.records`.
"""

import csv
import dataclasses
import errno
import io
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from study.results.files import (
    append,
    csv_lines,
    make_folder,
    write_bytes,
    write_csv,
    write_json,
    write_link,
)
from study.results.tables import check_info, read_json, read_text
from study.spec.errors import DamagedFile
from study.spec.problem import Problem
from study.spec.status import StudyStatus
from study.spec.widening import widenings

STUDY_FILE = "study.json"
HISTORY_FILE = "history.csv"
TRIALS_FILE = "trials.csv"
PARETO_FILE = "pareto.csv"
CONFIRM_FILE = "confirm.csv"
VERDICT_FILE = "verdict.json"
BEST_FILE = "best.json"
DATABASE_FILE = "study.db"
DASHBOARD_FILE = "dashboard.html"
TIMING_FILE = "timing.csv"
EXTRA_SCORES_FILE = "extra_scores.csv"
CLAIMS_FILE = "claims.csv"
CONDITIONS_FILE = "conditions.csv"
SUSPECTS_FILE = "suspects.csv"
VARIANTS_FILE = "variants.csv"
SQUARES_FILE = "squares.csv"
CROSSING_FILE = "crossing_map.csv"
REPLICATION_FILE = "replication.html"
SAMPLES_FOLDER = "samples"
ARTIFACTS_FOLDER = "artifacts"
BASELINE_FOLDER = "baseline"
CONFIRM_FOLDER = "confirm"
PARTS = (BASELINE_FOLDER, CONFIRM_FOLDER)
"""Studies within a study: folders in its folder, whose studies are named NAME-PART."""
RAY_FOLDER = "ray"
CHECKPOINT = "checkpoint_"
"""The beginning of the names of Ray's checkpoint folders; a number of six digits follows."""

LOCK_FILE = ".lock"
RESERVE_FILE = ".reserve"
RESERVE_BYTES = 4_000_000

LATEST = "latest"

WIDENED = "widened"
"""The entry of ``study.json`` that tells which ranges became wider, and after how many trials."""

Row = Mapping[str, Any]

TEXT = ("trial_id", "status", "stop_reason", "restart_reason", "checkpoint", "node", "gpus")
"""Columns that are text, even where they look like a number (trial 12345678)."""


NAME_RULE = (
    f"at most 100 letters, digits, '.', '_' and '-', no '.' or '-' in front, and not '{LATEST}'"
)


def valid_name(name: str) -> bool:
    """Return whether a study may have the name: one path component, safe in a shell and a URL."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) is not None and name != LATEST


def as_name(text: str) -> str:
    """Return a text as a part of a study's name: what a name cannot hold becomes ``-``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:60]


class StudyIsRunning(Exception):
    """Another process writes to the folder."""


class ResultsFolder:
    """A study's folder ``results/NAME``, locked for the process that writes to it.

    Args:
        path: an existing folder.
        problem: gives the columns.
        info: what ``study.json`` says besides: settings, versions and the like.

    Raises:
        StudyIsRunning: another process writes to the folder.
    """

    def __init__(self, path: Path, problem: Problem, info: Mapping[str, Any]) -> None:
        self.path = path
        self.problem = problem
        self.info = {**info, "name": path.name, "problem": problem.to_json()}
        self._lock = FileLock(path / LOCK_FILE)  # the system lets go of it when the process ends
        try:
            self._lock.acquire(timeout=0.2)  # a reader that asks is_written holds it for an instant
        except Timeout as error:
            raise StudyIsRunning(f"{path} is being written by another process") from error
        # freed when the disk is full, so that the end of the study can still be recorded
        if not (path / RESERVE_FILE).exists():
            (path / RESERVE_FILE).write_bytes(bytes(RESERVE_BYTES))
        metrics = [metric.name for metric in problem.metrics]
        self.history_columns = [
            *("trial_id", problem.resource, "elapsed_s", "held_s", "concurrent"),
            *("node", "gpus", "gpu_share"),
            *problem.columns,
            *metrics,
            "checkpoint",
        ]
        self.trial_columns = [
            *("trial_id", "status", "stop_reason", problem.resource),
            *("started_s", "ended_s", "held_s", "concurrent", "restarts", "restart_reason"),
            *("node", "gpus", "gpu_share", "device_memory_gb"),
            *problem.columns,
            *metrics,
        ]

    @staticmethod
    def check(results_dir: Path, name: str) -> None:
        """Raise what :meth:`create` would, before any work.

        Raises:
            FileExistsError: there is such a study.
            OSError: the folder cannot be made.
        """
        if (results_dir / name).exists():
            raise FileExistsError
        parent = next(
            p for p in (results_dir.absolute(), *results_dir.absolute().parents) if p.exists()
        )
        if not parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{parent} is a file")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied")

    @classmethod
    def create(
        cls, results_dir: Path, name: str, problem: Problem, info: Mapping[str, Any] | None = None
    ) -> "ResultsFolder":
        """Make a new folder that reads as an empty study.

        Raises:
            FileExistsError: there is such a study.
            OSError: the folder cannot be made.
        """
        path = results_dir / name
        make_folder(path)
        try:
            make_folder(path / SAMPLES_FOLDER)
            folder = cls(path, problem, {"sessions": [], **(info or {})})
            folder.set_status(StudyStatus.INTERRUPTED)  # until the first trial begins
            write_csv(path / HISTORY_FILE, folder.history_columns, [])
            folder.write_trials([])
        except OSError:
            shutil.rmtree(path)  # the name is free again
            raise
        return folder

    @classmethod
    def open(
        cls, results_dir: Path, name: str, problem: Problem, info: Mapping[str, Any] | None = None
    ) -> "ResultsFolder":
        """Open the folder of a study, new or as an earlier session left it."""
        path = results_dir / name
        if (path / STUDY_FILE).exists():
            return cls.reopen(path, problem, {**read_info(path), **(info or {})})
        return cls.create(results_dir, name, problem, info)

    @classmethod
    def reopen(cls, path: Path, problem: Problem, info: Mapping[str, Any]) -> "ResultsFolder":
        """Open a study to go on with it; ``info`` replaces its settings and versions on record.

        Ranges may be wider than before, which ``study.json`` records under ``widened``. The history
        keeps the columns that it began with.

        Raises:
            StudyIsRunning: another process runs it.
            SettingError: its trials would lie outside of what the problem searches.
        """
        before = read_info(path)
        wider = widenings(Problem.from_json(before["problem"]), problem)
        kept = [key for key in ("sessions", "status", "wall_time_s", WIDENED) if key in before]
        folder = cls(path, problem, {**info, **{key: before[key] for key in kept}})
        if wider:
            at = {"trials_before": len(folder.read_trials())}
            entries = [dataclasses.asdict(each) | at for each in wider]
            folder.info[WIDENED] = [*before.get(WIDENED, []), *entries]
        folder.set_status(true_status(before["status"], is_written=False))
        folder.mend_history()
        return folder

    def mend_history(self) -> None:
        """Make ``history.csv`` fit to be added to: a header, and no line that was cut short."""
        history = self.path / HISTORY_FILE
        before = history.read_bytes() if history.exists() else b""
        whole = before[: before.rfind(b"\n") + 1]
        if not whole.startswith(f"{self.history_columns[0]},".encode()):
            header = dict(zip(self.history_columns, self.history_columns, strict=True))
            whole = csv_lines(self.history_columns, [header]).encode() + whole
        if whole != before:
            write_bytes(history, whole)
        # a study that an earlier version began keeps its columns
        self.history_columns = next(csv.reader(whole.decode(errors="replace").splitlines()))

    def make_latest(self) -> bool:
        """Point ``results/latest`` at this folder, unless it is a file or folder of its own.

        Returns:
            Whether it does.
        """
        latest = self.path.parent / LATEST
        if latest.exists() and not latest.is_symlink():
            return False
        write_link(latest, self.path.name)
        return True

    def __enter__(self) -> "ResultsFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes write to the folder."""
        self.use_reserve()
        self._lock.release()

    def use_reserve(self) -> None:
        """Free the space that is reserved for recording the end of a study on a full disk."""
        (self.path / RESERVE_FILE).unlink(missing_ok=True)

    def set_status(self, status: StudyStatus, **more: Any) -> None:
        """Write ``study.json`` with this status, and with ``more`` entries if there are any."""
        self.info |= {"status": status, **more}
        write_json(self.path / STUDY_FILE, self.info)

    def append_history(self, row: Row) -> None:
        """Add an evaluation to ``history.csv``; it is on disk when this returns."""
        append(self.path / HISTORY_FILE, csv_lines(self.history_columns, [row]))

    def write_trials(self, rows: Iterable[Row]) -> None:
        """Replace ``trials.csv``."""
        write_csv(self.path / TRIALS_FILE, self.trial_columns, rows)

    def read_trials(self) -> list[dict[str, Any]]:
        """Return the rows of ``trials.csv``; writing them again changes no byte."""
        return read_rows(self.path / TRIALS_FILE)

    def read_history(self) -> list[dict[str, Any]]:
        """Return the rows of ``history.csv``, in the order in which they came."""
        return read_rows(self.path / HISTORY_FILE)


def is_written(path: Path) -> bool:
    """Return whether a process has a study's folder open to write to it."""
    if not (path / LOCK_FILE).exists():
        return False
    try:
        with FileLock(path / LOCK_FILE, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written, on a disc or of someone else
        return False


def true_status(status: str, is_written: bool) -> StudyStatus:
    """Return a study's status: one that nobody runs is interrupted, whatever it left behind."""
    abandoned = status == StudyStatus.RUNNING and not is_written
    return StudyStatus.INTERRUPTED if abandoned else StudyStatus(status)


def read_info(path: Path) -> dict[str, Any]:
    """Return ``study.json`` of a results folder.

    Raises:
        FileNotFoundError: it is not a study's folder.
        DamagedFile: it cannot be read.
    """
    info = read_json(path / STUDY_FILE)
    if "description" in info:  # what version 0.1 called the problem
        info["problem"] = info.pop("description")
    if "arms" in info:  # what it called conditions
        info["conditions"] = {name: {"parameters": p} for name, p in dict(info.pop("arms")).items()}
    check_info(path / STUDY_FILE, info)
    return info


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return a CSV file's rows: numbers where they read back as they are written, else text.

    A last line that was cut short is left out. A file that is missing has no rows.

    Raises:
        DamagedFile: it is no such table.
    """
    text = read_text(path) if path.exists() else ""
    try:
        rows = list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))
    except csv.Error as error:
        raise DamagedFile(path, f"is no table: {error}") from None
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise DamagedFile(path, f"line {line} has not as many values as the header")
        if "\0" in "".join(row.values()):
            raise DamagedFile(path, f"line {line} holds zero bytes")
    return [
        {key: text if key in TEXT else _parse(text) for key, text in row.items() if text != ""}
        for row in rows
    ]


def _parse(text: str) -> Any:
    """Return the number that would be written like this, or the text itself."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text:
            return value
    return text
