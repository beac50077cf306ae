"""Proposals of a Gaussian process that is taught what every trial is expected to reach.

Successive halving leaves most trials with the values of a small budget. Compared as they are with
those of full trials, they mislead; left out, the sampler learns from few. And of trials that are
still running it would know nothing, though with many slots those are most, and the best ones.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.engine.space_filling import SpaceFilling
from study.spec.problem import Problem, Value

Curve = Mapping[float, float]
"""A trial's values of one metric by the resource that it had spent."""


def forecast(curves: Sequence[Curve]) -> list[float]:
    """Return what each trial is expected to reach at the largest resource that any has spent.

    From one resource to the next a value changes by the median change of the trials that got there
    (the chain-ladder method of actuaries, Mack 1993, with medians). Positive values change by
    factors, others by differences; the result is on that scale: the logarithm, or the value itself.

    Args:
        curves: at least one value each.
    """
    positive = all(value > 0 for curve in curves for value in curve.values())
    scaled = [
        {spent: math.log(v) if positive else v for spent, v in curve.items()} for curve in curves
    ]
    resources = sorted({spent for curve in scaled for spent in curve})
    last = [max(curve) for curve in scaled]
    expected = [curve[end] for curve, end in zip(scaled, last, strict=True)]
    for resource in reversed(resources[1:]):
        changes = [
            curve[resource] - curve[max(spent for spent in curve if spent < resource)]
            for curve in scaled
            if resource in curve and min(curve) < resource
        ]
        change = statistics.median(changes) if changes else 0.0
        for number, end in enumerate(last):
            expected[number] += change if end < resource else 0.0
    return expected


@dataclass
class _Trial:
    parameters: Mapping[str, Value]
    values: dict[float, list[float]] = field(default_factory=dict)
    """The objectives at each evaluation, by what had been spent."""
    is_running: bool = True


class Forecasts:
    """The trials as an Optuna sampler is to see them, which learns from complete ones alone.

    A trial with an evaluation is shown as complete, with the values that are forecast for it; one
    that runs without any is shown as running; one that failed or diverged is not shown. Forecasts
    change with every evaluation, so each proposal is asked of a new study.

    Args:
        sampler: keeps its state from proposal to proposal.
        filling: proposes instead while fewer than ``startup`` trials have a value.
    """

    def __init__(
        self,
        problem: Problem,
        distributions: Mapping[str, BaseDistribution],
        sampler: optuna.samplers.BaseSampler,
        filling: SpaceFilling,
        startup: int,
    ) -> None:
        self._filling, self._startup = filling, startup
        self._problem, self._names = problem, problem.searched_objectives
        goals = [problem.metric(name).goal for name in self._names]
        self._directions = [
            StudyDirection.MINIMIZE if goal == "min" else StudyDirection.MAXIMIZE for goal in goals
        ]
        self._distributions, self._sampler = dict(distributions), sampler
        self._trials: dict[str, _Trial] = {}

    def begin(self, trial_id: str, parameters: Mapping[str, Value]) -> None:
        """Add a trial."""
        self._trials[trial_id] = _Trial(parameters)

    def evaluated(self, trial_id: str, spent: float, metrics: Mapping[str, Any]) -> None:
        """Add an evaluation, unless an objective has no finite value yet, or none any more."""
        if not self._problem.lacking(self._names, metrics):
            values = [float(metrics[name]) for name in self._names]
            self._trials[trial_id].values[spent] = values

    def end(self, trial_id: str, failed: bool) -> None:
        """Note the end of a trial; what a failed one had reached is forgotten."""
        self._trials[trial_id].is_running = False
        if failed:
            self._trials[trial_id].values.clear()

    def propose(self) -> dict[str, Value]:
        """Return the next setting."""
        if sum(bool(trial.values) for trial in self._trials.values()) < self._startup:
            return self._filling.propose(trial.parameters for trial in self._trials.values())
        study = optuna.create_study(sampler=self._sampler, directions=self._directions)
        study.add_trials(self._shown())
        return study.ask(self._distributions).params

    def _shown(self) -> list[FrozenTrial]:
        begun = [trial for trial in self._trials.values() if trial.values]
        columns = [
            forecast([{spent: v[place] for spent, v in trial.values.items()} for trial in begun])
            for place in range(len(self._names))
        ]
        shown = [
            self._as_optunas(trial, TrialState.COMPLETE, list(values))
            for trial, values in zip(begun, zip(*columns, strict=True), strict=True)
        ]
        waiting = [t for t in self._trials.values() if t.is_running and not t.values]
        return [*shown, *(self._as_optunas(trial, TrialState.RUNNING, None) for trial in waiting)]

    def _as_optunas(
        self, trial: _Trial, state: TrialState, values: list[float] | None
    ) -> FrozenTrial:
        return optuna.trial.create_trial(
            state=state,
            values=values,
            params=dict(trial.parameters),
            distributions=self._distributions,
        )
