"""Where the best trial lies at an end of a searched range: better ones may lie beyond."""

import math
from dataclasses import dataclass

from study.results.records import StudyRecord
from study.spec.problem import Parameter

EDGE = 0.05
"""The share of a range that counts as its edge: of parameters that do not matter, 1 in 10 has its
best value at one of the two by chance."""

MIN_TRIALS = 5
"""Evaluated trials below which it says nothing where the best of them lies."""


@dataclass(frozen=True)
class AtEdge:
    """A parameter whose best value lies at an edge of its range.

    Attributes:
        parameter: which one.
        value: that of the best trial.
        upper: at which edge.
        low, high: a range that is wider by half at that edge, in the parameter's own scale.
    """

    parameter: Parameter
    value: float
    upper: bool
    low: float
    high: float


def best_at_edges(study: StudyRecord) -> list[AtEdge]:
    """Return the parameters whose value in the best trial lies within 5 % of an end of the range.

    A range has no edge where nothing lies beyond: among choices, and at a bound of the parameter
    itself.
    """
    evaluated = [trial for trial in study.trials if trial.curve]
    if study.best is None or len(evaluated) < MIN_TRIALS:
        return []
    found = []
    for parameter in study.problem.parameters:
        if not parameter.choices and parameter.low < parameter.high:
            value = float(study.best.parameters[parameter.name])
            place = parameter.position(value)
            upper = place > 1 - EDGE
            if (upper or place < EDGE) and _goes_on(parameter, upper):
                found.append(AtEdge(parameter, value, upper, *_wider(parameter, upper)))
    return found


def _goes_on(parameter: Parameter, upper: bool) -> bool:
    """Return whether the parameter can take values beyond an end of its range."""
    end, bound = _end_and_bound(parameter, upper)
    return bound is None or abs(bound - end) >= (parameter.step or math.ulp(end))


def _end_and_bound(parameter: Parameter, upper: bool) -> tuple[float, float | None]:
    if upper:
        return parameter.high, parameter.most
    return parameter.low, parameter.least


def _wider(parameter: Parameter, upper: bool) -> tuple[float, float]:
    """Return the range with half of its width added at one end, as far as it can go.

    Towards a bound that is no value itself (a learning rate of 0) it goes half of the way.
    """
    low, high, step, sign = parameter.low, parameter.high, parameter.step, 1 if upper else -1
    old, bound = _end_and_bound(parameter, upper)
    end = old * (high / low) ** (sign / 2) if parameter.log else old + sign * (high - low) / 2
    if bound is not None and sign * (end - bound) >= 0:
        end = bound if step else (old + bound) / 2
    if step:
        end = old + sign * step * max(1, int(abs(end - old) / step))
    else:
        rounded = float(f"{end:.2g}")
        if sign * (rounded - old) > 0 and (bound is None or sign * (bound - rounded) > 0):
            end = rounded
    return (low, end) if upper else (end, high)
