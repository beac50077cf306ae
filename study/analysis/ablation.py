"""What each setting does to the quality, by a model of the search's trials.

The ablation goes from a reference setting to the best one; profiles go through the best one.
"""

import math
from dataclasses import dataclass

import numpy as np

from study.analysis.once import once
from study.analysis.response import TWO_SIDED_95, Factor, Point, Response, response
from study.results.records import StudyRecord
from study.spec.problem import Parameter, Value

GRID = 41
"""Values of a parameter between the ends of its range."""


@dataclass(frozen=True)
class Change:
    """A step of an ablation: one parameter takes its value of the best setting.

    Attributes:
        quality: after the change.
        factor: by what the change multiplies the quality.
    """

    parameter: Parameter
    before: Value
    after: Value
    quality: float
    factor: Factor


@dataclass(frozen=True)
class Ablation:
    """The way from the reference setting to the best one, a parameter at a time.

    Attributes:
        start: the quality at the reference.
        changes: the first is the one that gains most, the next the one that then gains most, ….
        whole: by what all changes together multiply the quality.
        model: what it rests on.
    """

    start: float
    changes: tuple[Change, ...]
    whole: Factor
    model: Response


def ablation(study: StudyRecord) -> Ablation | None:
    """Return what each change bought, by the model: Biedenkapp et al. (2017), Section 3.

    None without a reference setting inside of what is searched, a best trial or a model.
    """
    problem, best, model = study.problem, study.best, response(study)
    reference = problem.reference
    if best is None or model is None or reference is None:
        return None
    if not all(p.contains(reference[p.name]) for p in problem.parameters):
        return None
    sign = 1 if problem.directions[0] == "min" else -1
    here, changes = dict(reference), list[Change]()
    left = [p for p in problem.parameters if reference[p.name] != best.parameters[p.name]]
    while left:
        ways = [{**here, p.name: best.parameters[p.name]} for p in left]
        reached, _ = model.log_quality(ways)
        chosen = int(np.argmin(sign * reached))
        parameter, after = left.pop(chosen), ways[chosen]
        changes.append(
            Change(
                parameter,
                before=here[parameter.name],
                after=after[parameter.name],
                quality=math.exp(reached[chosen]),
                factor=model.factor(after, here),
            )
        )
        here = after
    start = math.exp(model.log_quality([reference])[0][0])
    return Ablation(start, tuple(changes), model.factor(here, reference), model)


@dataclass(frozen=True)
class Profile:
    """The quality over one parameter, the others as in the best trial.

    Attributes:
        values: of the parameter, over its range.
        quality, low, high: the model's means with pointwise 95 % intervals.
        spread: the highest quality here over the lowest one: 1 or more. Both are chosen by the
            model's means.
    """

    parameter: Parameter
    values: tuple[Value, ...]
    quality: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    spread: Factor


@once
def profiles(study: StudyRecord) -> list[Profile]:
    """Return how the quality depends on each parameter, what matters most first."""
    best, model = study.best, response(study)
    if best is None or model is None:
        return []
    searched = [p for p in study.problem.parameters if p.choices or p.low < p.high]
    found = [_profile(model, parameter, best.parameters) for parameter in searched]
    return sorted(found, key=lambda profile: -profile.spread.ratio)


def _profile(model: Response, parameter: Parameter, best: Point) -> Profile:
    values = _grid(parameter)
    points = [{**best, parameter.name: value} for value in values]
    mean, covariance = model.log_quality(points)
    half = TWO_SIDED_95 * np.sqrt(np.maximum(0.0, np.diag(covariance)))
    lowest, highest = points[int(np.argmin(mean))], points[int(np.argmax(mean))]
    quality, low, high = (
        tuple(map(float, np.exp(mean + shift))) for shift in (0 * half, -half, half)
    )
    return Profile(parameter, values, quality, low, high, model.factor(highest, lowest))


def _grid(parameter: Parameter) -> tuple[Value, ...]:
    if parameter.choices:
        return parameter.choices
    space = np.geomspace if parameter.log else np.linspace
    return tuple(map(float, space(parameter.low, parameter.high, GRID)))
