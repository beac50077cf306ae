"""What ``study.json`` of an earlier session says, and whether a study can go on from it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from dipddpm.config import RunConfig, current_setting, current_settings
from dipddpm.data import DATA_SOURCES
from study.problem.arguments import INTERVALS, PLACES, RUN_FIELDS, Arguments
from study.problem.settings import is_own_folder
from study.spec.errors import DamagedFile

NUMBER_PAIRS = [[a, b] for a in (int, float) for b in (int, float)]
"""The types of an interval's ends, as JSON holds them."""


def began_with(earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study began with, as flags: defaults may have changed since then.

    Args:
        earlier: what :func:`read_earlier` returned.
    """
    settings = earlier["settings"]
    run = {name: value for name, value in settings["run"].items() if name in RUN_FIELDS}
    if run["dataset"] not in DATA_SOURCES:
        del run["dataset"]  # a folder's name, not where it is
    begun = {
        "num_samples": settings["plan"]["num_samples"],
        "objectives": ",".join(earlier["problem"]["objectives"]),
    }
    return {**run, **earlier["arguments"], **begun}


def remembered(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given flags that a study begins with when it is resumed."""
    kept = {name: value for name, value in given.items() if name not in PLACES}
    if is_own_folder(kept.get("dataset")):
        del kept["dataset"]  # anonymised, since results are shared; it is given again
    return kept


def check_remembered(file: Path, flags: Mapping[str, Any]) -> None:
    """Raise DamagedFile unless what ``study.json`` remembers could be the values of flags."""
    kinds: dict[str, Any] = {**get_type_hints(RunConfig), **get_type_hints(Arguments)}
    for name, value in flags.items():
        if name in INTERVALS:
            fits = isinstance(value, list) and list(map(type, value)) in NUMBER_PAIRS
        else:
            kind = kinds.get(name)
            as_float = type(value) is int and isinstance(1.0, kind or ())
            fits = kind is not None and (isinstance(value, kind) or as_float)
        if not fits or (isinstance(value, bool) and kinds.get(name) is not bool):
            raise DamagedFile(file, f"remembers {name} as {value!r}")


def read_earlier(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``study.json`` of this version or of 0.1, with its settings by today's names."""
    settings = dict(current_setting(*item) for item in info["settings"].items())
    settings["run"] = current_settings(settings["run"])
    arguments = dict(current_setting(*item) for item in info["arguments"].items())
    if "max_epochs" in arguments:  # by its flag's name in 0.1
        arguments["epochs"] = arguments.pop("max_epochs")
    return {**info, "settings": settings, "arguments": arguments}


FREE = (
    *("sampler", "scheduler", "grace_period", "reduction_factor", "num_samples", "slots", "name"),
    *("time_budget_s", "budget_hours"),
)
"""Fields of the plan that may change from one session of a study to the next."""


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """Return the first setting whose change would mix what cannot be compared, or None.

    Args:
        before, now: what :meth:`StudySettings.to_json` returned, one of them read back.

    Returns:
        The setting's name, its value before and its value now.
    """
    flat = [_flat(before), _flat(now)]
    # a study begun before a field of the run was added ran with the field's default
    defaults = {field.name: field.default for field in dataclasses.fields(RunConfig)}
    for name, new in flat[1].items():
        old = flat[0].get(name, defaults.get(name, new))
        if old != new:
            return name, old, new
    return None


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may not change, by field name, with lists in place of tuples as in JSON.

    The intervals are not among it: :func:`study.spec.widening.widenings` judges the problem's.
    """
    plan = {k: v for k, v in settings["plan"].items() if k not in FREE}
    rest = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if name not in ("plan", "run", "preset", "confirm_top", "confirm_seeds", *INTERVALS)
    }
    return {**settings["run"], **rest, **plan}
