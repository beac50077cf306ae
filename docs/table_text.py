"""How the tables of the documentation are set: Markdown, numbers, ratios with their intervals."""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

ROOT = Path(__file__).parents[1]
DATA = ROOT / "benchmarks" / "data"

Row = dict[str, str]


def read_csv(path: Path) -> list[Row]:
    """Return the lines of a committed CSV, all values as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_json(path: Path) -> Any:
    """Return the content of a committed JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in GitHub's Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def number(value: float | str, unit: str = "") -> str:
    """Return a value with about three significant digits, or nothing where there is none."""
    if value == "" or math.isnan(float(value)):
        return ""
    value = float(value)
    if value == 0:
        return "0"
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:,.{places}f}{unit and ' ' + unit}"


def percent(share: float | str) -> str:
    """Return a share of 1 in per cent; nothing where there is none, nor above tenfold."""
    if share == "" or math.isnan(float(share)):
        return ""
    return f"{float(share):.0%}" if float(share) < 10 else "above tenfold"


def ratio(middle: float | str, low: float | str, high: float | str) -> str:
    """Return ``1.29 [1.25, 1.33]``; three decimals where all lies close to 1."""
    values = [float(v) for v in (middle, low, high)]
    if max(values) < 0.2 or (0.95 < values[0] < 1.05 and values[2] - values[1] < 0.03):
        places = 3
    else:
        places = 0 if min(values) >= 20 else 1 if min(values) >= 5 else 2
    middle, low, high = (f"{v:.{places}f}" for v in values)
    return f"{middle} [{low}, {high}]"


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % t-interval."""
    found = stats.ttest_1samp(values, 0.0)
    interval = found.confidence_interval(0.95)
    return sum(values) / len(values), float(interval.low), float(interval.high)


def ratio_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of geometric means and its 95 % interval, by Welch's t-test."""
    logs = [[math.log(v) for v in values] for values in (a, b)]
    interval = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    middle = sum(logs[0]) / len(a) - sum(logs[1]) / len(b)
    return math.exp(middle), math.exp(interval.low), math.exp(interval.high)
