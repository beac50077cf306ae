"""The committed results of `results/reference`, as the tables of findings read them."""

import statistics

from table_text import ROOT, Row, number, read_csv

from dipddpm.config import preset
from study.replication.condition_names import (
    AS_REPORTED,
    DIP_ALONE,
    DIP_FITTED,
    DIP_HELD_OUT,
    as_reported_name,
)
from study.replication.condition_plans import plans_of

REFERENCE = ROOT / "results" / "reference"
MNIST, DIGITS = "mnist-tenth", "original-quick"
MAIN = tuple(sorted(folder.name for folder in REFERENCE.glob("mnist-small-*")))
"""The studies of the main command, with one seed each."""
CONDITIONS, EXTRA_SCORES = "conditions.csv", "extra_scores.csv"

NOT_YET = "not yet run"
"""What stands in the line of a condition or a claim that the committed results do not have."""


def effects(folder: str, claim: str) -> list[Row]:
    """Return the figures of a claim, in their order."""
    rows = read_csv(REFERENCE / folder / "claims.csv")
    return [row for row in rows if row["claim"] == claim]


def conditions(folder: str, kind: str) -> list[Row]:
    """Return the conditions of a replication, ``as reported`` or ``controlled``."""
    rows = read_csv(REFERENCE / folder / CONDITIONS)
    return [row for row in rows if row["kind"] == kind]


def not_yet_run(folder: str, kind: str, columns: int) -> list[list[str]]:
    """Return a line for each condition of the design that the committed results lack."""
    plans = plans_of(preset("original")).values()
    names = [plan.name for plan in plans if plan.kind == kind]
    if kind == AS_REPORTED:
        dip = [as_reported_name(name) for name in (DIP_FITTED, DIP_HELD_OUT)]
        names = [*dip, *(name for name in names if name != as_reported_name(DIP_ALONE))]
    found = {row["condition"] for row in conditions(folder, kind)}
    return [
        [name.removeprefix(as_reported_name("")), NOT_YET, *[""] * (columns - 2)]
        for name in names
        if name not in found
    ]


def extra(folder: str, condition: str, images: str, steps: int | None = None) -> list[Row]:
    """Return what was scored once at the end of a run, a line per seed."""
    return [
        row
        for row in read_csv(REFERENCE / folder / EXTRA_SCORES)
        if (row["condition"], row["images"]) == (condition, images)
        and (float(row["steps"]) if row["steps"] else None) == steps
    ]


def column_mean(rows: list[Row], column: str) -> str:
    values = [float(row[column]) for row in rows if row[column]]
    return number(statistics.fmean(values)) if values else ""
