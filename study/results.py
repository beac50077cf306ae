"""The results folder: how its files are written. Reading them back is ``records``' part.

Nothing here knows Ray. Files that change are replaced in one step, so that a reader, or a crash,
never meets half a file; ``history.csv`` only grows.
"""

import csv
import errno
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from study.description import Description

STUDY_FILE = "study.json"
HISTORY_FILE = "history.csv"
TRIALS_FILE = "trials.csv"
PARETO_FILE = "pareto.csv"
BEST_FILE = "best.json"
DATABASE_FILE = "study.db"
DASHBOARD_FILE = "dashboard.html"
SAMPLES_FOLDER = "samples"
RAY_FOLDER = "ray"

LATEST = "latest"

Row = Mapping[str, Any]


NAME_RULE = (
    f"at most 100 letters, digits, '.', '_' and '-', no '.' or '-' in front, and not '{LATEST}'"
)


def valid_name(name: str) -> bool:
    """Whether a study may be called that: one path component, safe in a shell and in a URL."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) is not None and name != LATEST


class ResultsFolder:
    """``results/NAME`` while a study writes to it.

    Args:
        path: an existing folder.
        subject: gives the columns.
        info: what ``study.json`` says besides, its name, settings, versions and the like.
    """

    def __init__(self, path: Path, subject: Description, info: Mapping[str, Any]) -> None:
        self.path = path
        self.info = {**info, "name": path.name, "description": subject.to_json()}
        parameters = [parameter.name for parameter in subject.parameters]
        metrics = [metric.name for metric in subject.metrics]
        self.history_columns = [
            *("trial_id", subject.resource, "elapsed_s", "concurrent"),
            *parameters,
            *metrics,
        ]
        self.trial_columns = [
            *("trial_id", "status", "stop_reason", subject.resource),
            *("started_s", "ended_s", "concurrent"),
            *parameters,
            *metrics,
        ]

    @staticmethod
    def check(results_dir: Path, name: str) -> None:
        """Raise early what :meth:`create` would: FileExistsError or PermissionError."""
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
        cls, results_dir: Path, name: str, subject: Description, info: Mapping[str, Any]
    ) -> "ResultsFolder":
        """Make a new folder that reads as an empty study, and point ``latest`` at it.

        Raises:
            FileExistsError: there is such a study.
            OSError: the folder cannot be made.
        """
        path = results_dir / name
        path.mkdir(parents=True)
        (path / SAMPLES_FOLDER).mkdir()
        folder = cls(path, subject, info)
        folder.set_status("interrupted")  # until the first trial begins
        folder._write_rows(HISTORY_FILE, folder.history_columns, [])
        folder.write_trials([])
        pointer = results_dir / f".{LATEST}"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(name)
        pointer.replace(results_dir / LATEST)
        return folder

    def set_status(self, status: str, **more: Any) -> None:
        """Write ``study.json``: running, finished, interrupted or failed, and more if need be."""
        self.info |= {"status": status, **more}
        write_json(self.path / STUDY_FILE, self.info)

    def append_history(self, row: Row) -> None:
        with (self.path / HISTORY_FILE).open("a", newline="") as file:
            csv.DictWriter(file, self.history_columns, extrasaction="ignore").writerow(row)

    def write_trials(self, rows: Iterable[Row]) -> None:
        self._write_rows(TRIALS_FILE, self.trial_columns, rows)

    def _write_rows(self, name: str, columns: list[str], rows: Iterable[Row]) -> None:
        temporary = self.path / f".{name}"
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(self.path / name)


def write_json(path: Path, data: Any) -> None:
    """Strict JSON, replaced in one step: NaN and infinity, which JSON lacks, become null."""
    write_text(
        path, json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
