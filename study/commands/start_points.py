"""The settings that a search tries first: another study's, a file's, the original report's."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dipddpm.config import current_setting
from study.problem.definition import describe
from study.problem.metrics import can_choose
from study.problem.search_space import searchable
from study.problem.settings import StudySettings
from study.results.records import StudyRecord, load_study
from study.spec.errors import SettingError
from study.spec.problem import Parameter, Problem, Value

Point = dict[str, Value]


def describe_search(settings: StudySettings, earlier: Mapping[str, Any] | None) -> Problem:
    """Return the problem of a search, with its start points: what the flags name comes first.

    Args:
        earlier: ``study.json`` of the study that is resumed, whose start points come next.

    Raises:
        SettingError: a start point cannot be read, or lies outside of what is searched.
    """
    problem, points = describe(settings), list[Point]()
    if settings.start_from:
        points += front_of(settings.start_from, settings, problem)
    if settings.start_points:
        points += read_points(settings.start_points, problem)
    if earlier:
        names = {p.name for p in problem.parameters}
        points += [
            each for each in earlier["problem"].get("start_points", []) if set(each) == names
        ]
    return dataclasses.replace(problem, start_points=_once([*points, *problem.start_points]))


def _once(points: Iterable[Point]) -> tuple[Point, ...]:
    found: list[Point] = []
    for point in points:
        if point not in found:
            found.append(point)
    return tuple(found)


def front_of(folder: Path, settings: StudySettings, problem: Problem) -> list[Point]:
    """Return the settings on the Pareto front of a study, finished or not, best quality first.

    What that study did not search is taken from its runs, so that a point is what was run there.

    Raises:
        SettingError: no trial of a search has completed there, clean images have chosen there and
            may not here, or a setting is none of this study: a parameter lies outside of its range,
            or is not searched and has another value.
    """
    study = _search_in(folder)
    about = study.info.get("settings", {}).get("run", {}).items()
    run = dict(current_setting(*item) for item in about)
    if settings.run.regime == "noisy" and not (
        run.get("regime") == "noisy" and set(study.problem.objectives) <= set(can_choose("noisy"))
    ):
        expected = "a search with --regime noisy: clean images have chosen the best of this one"
        raise SettingError("start_from", folder, expected)
    parameters = {p.name: p for p in problem.parameters}
    points = []
    for trial in study.front:
        known = {**run, **trial.parameters}
        place = f"{folder}, trial {trial.number}"
        for each in searchable(settings.run):
            name, fixed = each.name, each.value(settings.run)
            if name not in known:
                raise SettingError("start_from", folder, f"a study whose trials have {name}")
            if known[name] is None:
                known[name] = each.if_none(settings.run)
            if name not in parameters and known[name] != fixed:
                expected = f"{fixed}: this study does not search {name}"
                raise SettingError("start_from", f"{place}, {name} {known[name]}", expected)
        points.append(_point("start_from", place, known, problem))
    return points


def _search_in(folder: Path) -> StudyRecord:
    """Return the study in a folder, in whose search a trial has completed."""
    try:
        study = load_study(folder)
    except (OSError, ValueError, KeyError) as error:
        why = "it has no study.json" if isinstance(error, OSError) else "it cannot be read"
        raise SettingError("start_from", folder, f"the results folder of a study; {why}") from None
    if not study.front:
        raise SettingError("start_from", folder, "a search in which a trial has completed")
    return study


def read_points(path: Path, problem: Problem) -> list[Point]:
    """Return the settings in a file: a CSV table, or a JSON list of objects where it ends in .json.

    Rows are counted from 1, a table's header not among them.

    Raises:
        SettingError: names the file, and the row, the column and the value where one is wrong.
    """
    try:
        rows = _rows(path)
    except OSError as error:
        expected = f"a file that can be read: {error.strerror}"
        raise SettingError("start_points", path, expected) from None
    except (ValueError, csv.Error) as error:
        expected = f"a CSV table, or a list of objects in a .json file: {error}"
        raise SettingError("start_points", path, expected) from None
    names = [p.name for p in problem.parameters]
    points: list[Point] = []
    for number, row in enumerate(rows, 1):
        place = f"{path}, row {number}"
        if set(row) != set(names):
            expected = f"the columns {', '.join(names)} and no others"
            columns = ", ".join(str(name or "one without a name") for name in row)
            raise SettingError("start_points", f"{place}, with columns {columns}", expected)
        point = _point("start_points", place, row, problem)
        if point in points:
            expected = f"each setting once, but it is that of row {points.index(point) + 1}"
            raise SettingError("start_points", place, expected)
        points.append(point)
    if not points:
        raise SettingError("start_points", path, f"at least one row of {', '.join(names)}")
    return points


def _rows(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() != ".json":
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = table.fieldnames or []
        if len(set(columns)) < len(columns):
            raise ValueError("a column is there twice")
        return list(table)
    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"it is {text[:20].strip()!r} …")
    return rows


def _point(field: str, place: str, values: Mapping[str, Any], problem: Problem) -> Point:
    """Return the values of the problem's parameters; raise SettingError where one is outside."""
    point = {}
    for parameter in problem.parameters:
        value = values[parameter.name]
        read = _read(parameter, value)
        if read is None or not parameter.contains(read):
            raise SettingError(field, f"{place}, {parameter.name} {value}", parameter.range)
        point[parameter.name] = read
    return point


def _read(parameter: Parameter, value: Any) -> Value | None:
    """Return a value of a file as the parameter has it, or None if it is of another kind."""
    if parameter.choices:
        return str(value)
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if parameter.step is None:
        return number
    return int(number) if number.is_integer() else None
