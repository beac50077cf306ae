"""What is read of a study's files, checked: whatever is damaged is a DamagedFile, in one line."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from study.spec.errors import DamagedFile
from study.spec.problem import Metric, Parameter, Problem
from study.spec.status import StudyStatus, TrialStatus

OBJECT: dict[str, Any] = {"type": "object"}
NUMBER = {"type": "number"}
COUNT = {"type": "integer", "minimum": 1}
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
OBJECTS = {"type": "array", "items": OBJECT}
NAMED = {**OBJECT, "required": ["name", "label"], "properties": {"name": TEXT, "label": TEXT}}

PARAMETER = {
    **NAMED,
    "properties": {
        **NAMED["properties"],
        "low": NUMBER,
        "high": NUMBER,
        "step": {"type": ["integer", "null"]},
        "choices": TEXTS,
        "commands": TEXTS,
        "affects": TEXTS,
    },
}

METRIC = {
    **NAMED,
    "properties": {
        **NAMED["properties"],
        "unit": TEXT,
        "goal": {"enum": ["min", "max", None]},
        "cost": {"enum": ["so far", "each", None]},
        "references": TEXTS,
    },
}

PROBLEM = {
    **OBJECT,
    "required": ["title", "parameters", "metrics", "objectives", "resource", "max_resource"],
    "properties": {
        "title": TEXT,
        "parameters": {"type": "array", "items": PARAMETER, "minItems": 1},
        "metrics": {"type": "array", "items": METRIC},
        "stages": {"type": "array", "items": NAMED},
        "start_points": OBJECTS,
        "objectives": {**TEXTS, "minItems": 1},
        "resource": TEXT,
        "max_resource": COUNT,
        "rerun": TEXT,
    },
}

PLAN = {
    **OBJECT,
    "dependentRequired": {
        "num_samples": ["slots"],
        "scheduler": ["num_samples", "grace_period", "reduction_factor"],
    },
    "properties": {
        "num_samples": COUNT,
        "slots": COUNT,
        "sampler": TEXT,
        "scheduler": TEXT,
        "grace_period": NUMBER,
        "reduction_factor": {**NUMBER, "exclusiveMinimum": 1},
    },
}

INFO = {
    **OBJECT,
    "required": ["name", "status", "problem"],
    "properties": {
        "name": TEXT,
        "status": {"enum": list(StudyStatus)},
        "problem": PROBLEM,
        "command": TEXT,
        "settings": {**OBJECT, "properties": {"plan": PLAN, "run": OBJECT}},
        "arguments": OBJECT,
        "sessions": OBJECTS,
        "wall_time_s": NUMBER,
        "expected_s": {"anyOf": [NUMBER, {"type": "array", "items": NUMBER}]},
        "conditions": {
            **OBJECT,
            "additionalProperties": {
                **OBJECT,
                "required": ["parameters"],
                "properties": {"parameters": OBJECT},
            },
        },
        "pairs": {"type": "array", "items": {**TEXTS, "minItems": 2, "maxItems": 2}},
        "dataset_hash": {**TEXT, "pattern": r"^\w+$"},
        "compared": {**TEXTS, "minItems": 1},
        "second_judges": TEXTS,
        "treatment": TEXT,
        "train_images": COUNT,
        "train_images_as_reported": COUNT,
        "versions": OBJECT,
        "hardware": OBJECT,
        "storage_url": {"type": ["string", "null"]},
        "storage_path": {"type": ["string", "null"]},
    },
}
"""The schema of ``study.json``, as far as it is read; older versions lack some of it."""


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        FileNotFoundError: there is none.
        DamagedFile: it cannot be read, or is no text.
    """
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except IsADirectoryError:
        raise DamagedFile(path, "is a folder, not a file") from None
    except OSError as error:
        raise DamagedFile(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DamagedFile(path, "is not text in UTF-8") from None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a file of JSON holds; raise as :func:`read_text` does."""
    text = read_text(path)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, f"is not JSON: {error}" if text.strip() else "is empty") from None
    if not isinstance(data, dict):
        raise DamagedFile(path, f"is no JSON object, but {type(data).__name__}")
    return data


def check_info(path: Path, info: Mapping[str, Any], needed: Iterable[str] = ()) -> None:
    """Raise DamagedFile unless ``study.json`` says what is read of it.

    Args:
        needed: further entries that have to be there, by their path with dots between.
    """
    errors = jsonschema.Draft202012Validator(INFO).iter_errors(info)
    error = jsonschema.exceptions.best_match(errors)
    if error is not None:
        where = error.json_path.removeprefix("$").removeprefix(".")
        place = f" at {where}" if where else ""
        raise DamagedFile(path, f"is wrong{place}: {_short(error.message)}")
    for entry in needed:
        at: Any = info
        for key in entry.split("."):
            if not isinstance(at, Mapping) or key not in at:
                raise DamagedFile(path, f"lacks {entry}")
            at = at[key]


def check_confirmation(path: Path, info: Mapping[str, Any], problem: Problem) -> None:
    """Raise DamagedFile unless ``study.json`` of a confirmation says what is compared."""
    check_info(path, info, ("conditions", "pairs", "compared", "treatment", "time_axis"))
    metrics = {metric.name for metric in problem.metrics}
    for what, names, known in (
        ("pairs", [name for pair in info["pairs"] for name in pair], info["conditions"]),
        ("compared", info["compared"], metrics),
        ("second_judges", info.get("second_judges", ()), metrics),
    ):
        if wrong := [name for name in names if name not in known]:
            raise DamagedFile(path, f"is wrong at {what}: {wrong[0]!r} is not there")
    if not info["pairs"]:
        raise DamagedFile(path, "is wrong at pairs: nothing is compared")


def read_problem(path: Path, info: Mapping[str, Any]) -> Problem:
    """Return the problem of a ``study.json``; raise DamagedFile if it describes none."""
    try:
        problem = Problem.from_json(info["problem"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedFile(path, f"describes no problem: {_short(str(error))}") from None
    goals = {metric.name: metric.goal for metric in problem.metrics}
    for name in problem.objectives:
        if goals.get(name) not in ("min", "max"):
            raise DamagedFile(path, f"is wrong: objective {name} is no metric with a goal")
    return problem


def check_trials(path: Path, rows: Sequence[Mapping[str, Any]], problem: Problem) -> None:
    """Raise DamagedFile unless rows are those of a ``trials.csv``."""
    names = [parameter.name for parameter in problem.parameters]
    needed = ("trial_id", "status", problem.resource, "started_s", *names)
    numbers = (problem.resource, "started_s", "ended_s", "restarts", "device_memory_gb")
    check_rows(path, rows, needed, (*numbers, *_numbers(problem.parameters, problem.metrics)))
    for line, row in enumerate(rows, 2):
        if row["status"] not in list(TrialStatus):
            known = ", ".join(TrialStatus)
            raise DamagedFile(path, f"line {line}: status is {row['status']!r}, not one of {known}")
        if row["status"] == TrialStatus.COMPLETED:
            for name in problem.objectives:
                if not math.isfinite(row.get(name, math.nan)):
                    raise DamagedFile(path, f"line {line}: a completed trial without {name}")


def check_history(path: Path, rows: Sequence[Mapping[str, Any]], problem: Problem) -> None:
    """Raise DamagedFile unless rows are those of a ``history.csv``."""
    needed = ("trial_id", problem.resource, "elapsed_s")
    numbers = (problem.resource, "elapsed_s", *_numbers((), problem.metrics))
    check_rows(path, rows, needed, numbers)


def check_header(path: Path, needed: Iterable[str]) -> None:
    """Raise DamagedFile unless a table's first line names the columns that are needed."""
    try:
        header = next(csv.reader(read_text(path).splitlines()), [])
    except FileNotFoundError:
        raise DamagedFile(path, "is missing") from None
    except csv.Error as error:
        raise DamagedFile(path, f"is no table: {error}") from None
    if not header:
        raise DamagedFile(path, "is empty")
    if missing := [name for name in needed if name not in header]:
        raise DamagedFile(path, f"has no column {', '.join(missing)}")


def _numbers(parameters: Iterable[Parameter], metrics: Iterable[Metric]) -> list[str]:
    """Return the names of the columns that hold numbers."""
    names = [parameter.name for parameter in parameters if not parameter.choices]
    return [*names, *(metric.name for metric in metrics if metric.goal)]


def check_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], needed: Sequence[str], numbers: Iterable[str]
) -> None:
    """Raise DamagedFile unless a table has the columns that are needed, and numbers in others."""
    check_header(path, needed)
    for line, row in enumerate(rows, 2):
        for name in needed:
            if name not in row:
                raise DamagedFile(path, f"line {line}: there is no {name}")
        for name in numbers:
            if not isinstance(row.get(name, 0), int | float):
                raise DamagedFile(path, f"line {line}: {name} is {row[name]!r}, not a number")
        for name in ("started_s", "ended_s", "elapsed_s"):
            if not math.isfinite(row.get(name, 0)):
                raise DamagedFile(path, f"line {line}: {name} is {row[name]}, not finite")


def _short(text: str) -> str:
    """Return a text that may quote a whole file, cut to a part of a line."""
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:60]} … {line[-90:]}"
