"""What a study is about, as data: the engine, the records and the dashboard know nothing else.

Another pipeline with a resource (epochs), objectives and pictures is studied with the same parts by
describing it here. Everything is plain JSON in ``study.json``.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

FIXED_DESIGN = "fixed"
"""The sampler that runs a problem's start points and searches nothing."""

Value = float | int | str
"""Of a parameter."""


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter and where it is searched: in an interval, or among ``choices``.

    ``step`` makes it a whole number, ``low`` plus a multiple of the step (1 where ``log``).
    ``commands`` are what stands for each choice in the command that reruns a trial, if it is not
    the choice itself.
    """

    name: str
    label: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: int | None = None
    choices: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def contains(self, value: Value) -> bool:
        return value in self.choices if self.choices else self.low <= float(value) <= self.high


@dataclass(frozen=True)
class Metric:
    """A column of the results.

    ``goal`` says which way is better, if either is. ``cost`` marks seconds that a trial spends on a
    part of its work: in all ``so far``, or at ``each`` evaluation. ``references`` are metrics whose
    values are drawn beside this one, to judge it by. ``noise_only`` says that no parameter of the
    search changes it: all trials repeat one measurement, and show how much it varies by chance.
    """

    name: str
    label: str
    unit: str = ""
    goal: Literal["min", "max"] | None = None
    cost: Literal["so far", "each"] | None = None
    references: tuple[str, ...] = ()
    noise_only: bool = False


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline with something to look at; trials write ``NAME.png``."""

    name: str
    label: str


@dataclass(frozen=True)
class Problem:
    """The problem of a study.

    Trials report ``metrics`` and ``resource`` (what the scheduler spends) at each evaluation.
    ``rerun`` is a shell command with ``{parameter}`` in place of each value.
    """

    title: str
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    objectives: tuple[str, ...]
    resource: str
    max_resource: int
    stages: tuple[Stage, ...]
    start_points: tuple[dict[str, Value], ...]
    rerun: str

    @property
    def directions(self) -> list[str]:
        """``min`` or ``max`` for each objective."""
        return [str(self.metric(name).goal) for name in self.objectives]

    @property
    def searched_objectives(self) -> tuple[str, ...]:
        """The objectives that the search can change; all others are noise to it."""
        moved = tuple(name for name in self.objectives if not self.metric(name).noise_only)
        return moved or self.objectives[:1]

    def metric(self, name: str) -> Metric:
        return next(metric for metric in self.metrics if metric.name == name)

    def rerun_command(self, parameters: dict[str, Value]) -> str:
        """The command that runs one trial again, at full precision."""
        named = {p.name: dict(zip(p.choices, p.commands, strict=False)) for p in self.parameters}

        def words(match: re.Match[str]) -> str:
            value = parameters[match[1]]
            return str(named[match[1]].get(str(value), value))

        return re.sub(r"\{(\w+)\}", words, self.rerun)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Problem":
        parts = {"parameters": Parameter, "metrics": Metric, "stages": Stage}
        made = {
            name: tuple(kind(**_tuples(item)) for item in data[name])
            for name, kind in parts.items()
        }
        return cls(**{**_tuples(data), **made})


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists alone; the problem, which cannot change, holds tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
