"""What a study is about, as data: the engine, the records and the dashboard know nothing else.

Another pipeline that spends a resource (epochs, say) and reports objectives is studied with the
same parts once it is described here. Everything is plain JSON in ``study.json``.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
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
        least, most: what it cannot go beyond in any range; None where there is no such bound.
        widening: what to do where the best value lies at an end of the range, in words. ``{low}``
            and ``{high}`` stand for a wider range, ``{study}`` for the study's name and
            ``{num_samples}`` for more trials than it has.

    Raises:
        ValueError: there is nothing between ``low`` and ``high``, or no logarithm of them.
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
    least: float | None = None
    most: float | None = None
    widening: str = ""

    def __post_init__(self) -> None:
        if not self.choices and not self.low <= self.high < math.inf:
            raise ValueError(f"{self.name} is searched from {self.low} to {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name} has a logarithmic range, and begins at {self.low}")

    @property
    def range(self) -> str:
        """Return where it is searched, in words."""
        if self.choices:
            return " or ".join(self.choices)
        steps = f" in steps of {self.step}" if self.step not in (None, 1) else ""
        return f"{self.low:g} to {self.high:g}{steps}"

    def contains(self, value: Value) -> bool:
        """Return whether the search can suggest the value: it is in the range, at a step if any."""
        if self.choices:
            return value in self.choices
        at_step = self.step is None or (float(value) - self.low) % self.step == 0
        return self.low <= float(value) <= self.high and at_step

    def position(self, value: Value) -> float:
        """Return where a number lies in the range, from 0 to 1 in the parameter's own scale.

        It is 0 where the range is one value.
        """
        if self.low == self.high:
            return 0.0
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return (scale(float(value)) - low) / (high - low)

    def includes(self, other: "Parameter") -> bool:
        """Return whether all that ``other`` can be lies in this range, on the same scale."""
        if (self.choices, self.log, self.step) != (other.choices, other.log, other.step):
            return False
        return bool(self.choices) or (self.contains(other.low) and other.high <= self.high)


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
        margin: the relative difference within which two values count as equal, for all that it
            matters. It is set before any value is seen.
        about: what it goes by, as a sentence that begins with its label goes on; may be empty.
        awaited: it has no value until a trial has got far enough. A trial without one has not
            failed: it comes after all that have one.
    """

    name: str
    label: str
    unit: str = ""
    goal: Literal["min", "max"] | None = None
    cost: Literal["so far", "each"] | None = None
    references: tuple[str, ...] = ()
    declared_effects_only: bool = False
    margin: float = 0.1
    about: str = ""
    awaited: bool = False


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline that has pictures; trials write ``NAME.png``."""

    name: str
    label: str


@dataclass(frozen=True)
class Problem:
    """What a study searches and what its trials report.

    Trials report ``metrics`` and ``resource`` (what the scheduler spends) at each evaluation.
    ``rerun`` is a shell command with ``{parameter}`` in place of each value, and ``{seed}``; braces
    of its own are doubled.

    Attributes:
        seed: the name by which a trial is given its seed among its parameters. A setting that a
            search suggests once more is a replicate, run with another seed. Where a parameter has
            the name, as in a fixed design, its value is the seed.
        films: what trials may leave as animated pictures, ``NAME.png`` too, beside the stages'.
        reference: the parameters of a setting that others are told against, a published one, say;
            None where there is none.
        reference_label: what it is called.
        caution: what fresh seeds do not show, in a few sentences; empty where nothing is known.

    Raises:
        ValueError: a parameter affects, or a metric refers to, what is not among ``metrics``, a
            metric has the name of the seed, or a start point has a value that is no number.
    """

    title: str
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    objectives: tuple[str, ...]
    resource: str
    max_resource: int
    rerun: str
    stages: tuple[Stage, ...] = ()
    films: tuple[Stage, ...] = ()
    start_points: tuple[dict[str, Value], ...] = ()
    seed: str = "seed"
    reference: dict[str, Value] | None = None
    reference_label: str = "the reference"
    caution: str = ""

    def __post_init__(self) -> None:
        known = {metric.name for metric in self.metrics}
        if self.seed in known:
            raise ValueError(
                f"{self.seed} is a metric of the problem and the name of its seed; give the seed "
                "another name"
            )
        for parameter in self.parameters:
            if unknown := set(parameter.affects) - known:
                raise ValueError(
                    f"parameter {parameter.name} affects {', '.join(sorted(unknown))}, which is no "
                    "metric of the problem"
                )
        for metric in self.metrics:
            if unknown := set(metric.references) - known:
                raise ValueError(
                    f"metric {metric.name} refers to {', '.join(sorted(unknown))}, which is no "
                    "metric of the problem"
                )
        for point in self.start_points:
            for name in (p.name for p in self.parameters if not p.choices):
                if not isinstance(point.get(name, 0), int | float):
                    raise ValueError(f"a start point has {name} {point[name]!r}, not a number")

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

    def lacking(self, names: Iterable[str], metrics: Mapping[str, Any]) -> list[str]:
        """Return those of the named metrics that have no finite value in a trial's ``metrics``."""
        return [n for n in names if not math.isfinite(float(metrics.get(n, math.nan)))]

    def has_failed(self, names: Iterable[str], metrics: Mapping[str, Any]) -> bool:
        """Return whether a trial lacks one of the named metrics, other than an awaited one."""
        return not all(self.metric(name).awaited for name in self.lacking(names, metrics))

    @property
    def columns(self) -> list[str]:
        """Return the names of all that tells trials apart: the parameters, and the seed."""
        return list(dict.fromkeys([*(p.name for p in self.parameters), self.seed]))

    def parameters_in(self, row: Mapping[str, Any]) -> dict[str, Value]:
        """Return a trial's parameters from its row of a table.

        A choice that looks like a number has been read as one, and is a name again.
        """
        return {p.name: str(row[p.name]) if p.choices else row[p.name] for p in self.parameters}

    def setting(self, parameters: Mapping[str, Value]) -> tuple[Value, ...]:
        """Return the values of all parameters; trials of one setting have the same."""
        return tuple(
            str(parameters[p.name]) if p.choices else float(parameters[p.name])
            for p in self.parameters
        )

    def rerun_command(self, parameters: Mapping[str, Value]) -> str:
        """Return the command that runs one trial again, with its parameters at full precision.

        Args:
            parameters: the trial's, and its seed by the name of :attr:`seed`.
        """
        named = {p.name: dict(zip(p.choices, p.commands, strict=False)) for p in self.parameters}

        def words(match: re.Match[str]) -> str:
            if match[1] is None:
                return match[0][0]
            value = parameters[match[1]]
            return str(named.get(match[1], {}).get(str(value), value))

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
        parts = {"parameters": Parameter, "metrics": Metric, "stages": Stage, "films": Stage}
        made = {
            name: tuple(kind(**_tuples(item)) for item in data.get(name, ()))
            for name, kind in parts.items()
        }
        return cls(**{**_tuples(data), **made})


def _renamed(data: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in data.items()}


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with tuples, which a frozen problem holds, in place of JSON's lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
