"""What a study is about, as data: the engine, the records and the dashboard know nothing else.

Another pipeline that spends a resource (epochs, say) and reports objectives is studied with the
same parts once it is described here. Everything is plain JSON in ``study.json``.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

FIXED_DESIGN = "fixed"
"""The sampler that runs a problem's start points and searches nothing."""

Value = float | int | str
"""The value of a parameter."""


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter and where it is searched: in an interval, or among ``choices``.

    Attributes:
        step: makes it a whole number, ``low`` plus a multiple of the step (1 where ``log``).
        commands: what stands for each choice in the command that reruns a trial, if it is not the
            choice itself.
        affects: names of metrics with ``declared_effects_only`` that this parameter can change.
    """

    name: str
    label: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: int | None = None
    choices: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    affects: tuple[str, ...] = ()

    def contains(self, value: Value) -> bool:
        """Return whether the value lies in the interval or among the choices."""
        return value in self.choices if self.choices else self.low <= float(value) <= self.high


@dataclass(frozen=True)
class Metric:
    """A column of the results.

    Attributes:
        goal: which way is better, if either is.
        cost: marks seconds that a trial spends on a part of its work: in all ``so far``, or at
            ``each`` evaluation.
        references: metrics whose values are drawn beside this one, to judge it by.
        declared_effects_only: only parameters that name this metric in ``affects`` can change it.
            Where none of them is searched, all trials repeat one measurement and differ by chance.
    """

    name: str
    label: str
    unit: str = ""
    goal: Literal["min", "max"] | None = None
    cost: Literal["so far", "each"] | None = None
    references: tuple[str, ...] = ()
    declared_effects_only: bool = False


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline that has pictures; trials write ``NAME.png``."""

    name: str
    label: str


@dataclass(frozen=True)
class Problem:
    """What a study searches and what its trials report.

    Trials report ``metrics`` and ``resource`` (what the scheduler spends) at each evaluation.
    ``rerun`` is a shell command with ``{parameter}`` in place of each value, and braces of its own
    doubled.

    Raises:
        ValueError: a parameter affects a metric that is not among ``metrics``.
    """

    title: str
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    objectives: tuple[str, ...]
    resource: str
    max_resource: int
    rerun: str
    stages: tuple[Stage, ...] = ()
    start_points: tuple[dict[str, Value], ...] = ()

    def __post_init__(self) -> None:
        known = {metric.name for metric in self.metrics}
        for parameter in self.parameters:
            if unknown := set(parameter.affects) - known:
                raise ValueError(
                    f"parameter {parameter.name} affects {', '.join(sorted(unknown))}, which is no "
                    "metric of the problem"
                )

    @property
    def directions(self) -> list[str]:
        """Return ``min`` or ``max`` for each objective."""
        return [str(self.metric(name).goal) for name in self.objectives]

    @property
    def searched_objectives(self) -> tuple[str, ...]:
        """Return the objectives that the search can change, or the first if it can change none."""
        moved = tuple(name for name in self.objectives if not self.is_noise(name))
        return moved or self.objectives[:1]

    def is_noise(self, name: str) -> bool:
        """Return whether a metric varies by chance alone: nothing that is searched affects it.

        The resource, which is no metric, never does.
        """
        measured = any(m.declared_effects_only for m in self.metrics if m.name == name)
        return measured and not any(name in parameter.affects for parameter in self.parameters)

    def metric(self, name: str) -> Metric:
        """Return the metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)

    def rerun_command(self, parameters: dict[str, Value]) -> str:
        """Return the command that runs one trial again, with its parameters at full precision."""
        named = {p.name: dict(zip(p.choices, p.commands, strict=False)) for p in self.parameters}

        def words(match: re.Match[str]) -> str:
            if match[1] is None:
                return match[0][0]
            value = parameters[match[1]]
            return str(named[match[1]].get(str(value), value))

        return re.sub(r"\{\{|\}\}|\{(\w+)\}", words, self.rerun)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as ``study.json`` holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Problem":
        """Return the problem that this version or 0.1 wrote.

        Version 0.1 stored the answer of :meth:`is_noise` with each metric, as ``noise_only``, and
        no effects with the parameters.
        """
        renamed = {"noise_only": "declared_effects_only"}
        data = {**data, "metrics": [_renamed(metric, renamed) for metric in data["metrics"]]}
        parts = {"parameters": Parameter, "metrics": Metric, "stages": Stage}
        made = {
            name: tuple(kind(**_tuples(item)) for item in data[name])
            for name, kind in parts.items()
        }
        return cls(**{**_tuples(data), **made})


def _renamed(data: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in data.items()}


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with tuples, which a frozen problem holds, in place of JSON's lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
