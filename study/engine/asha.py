"""Early stopping: asynchronous successive halving on one objective or several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from study.engine.reporting import reported
from study.spec.halving import places, rungs
from study.spec.pareto import ranking
from study.spec.problem import Problem


@dataclass
class Rung:
    """The trials that have reached a rung."""

    values: dict[str, list[float]] = field(default_factory=dict)
    """Their objectives there, by trial id, in the order in which they came."""
    gone_on: dict[str, None] = field(default_factory=dict)
    """Those that go on, in the order in which that was decided."""
    spent: dict[str, int] = field(default_factory=dict)
    """What each had spent when it came: the rung, or more if it was not evaluated just there."""


class SuccessiveHalving(FIFOScheduler):
    """The scheduler that lets one in N of the trials at a rung go on; the others wait there.

    This is ASHA by promotion (Li et al. 2020, Algorithm 2) with a bound: with every N-th trial that
    reaches a rung one place opens above, and the best of those that wait takes it. So a search
    spends what successive halving would, however much its trials get better while it learns; the
    stopping form, which judges a trial as it comes, lets most of them pass. With several objectives
    a rung is ranked by non-dominated sorting, then crowding (Schmucker et al. 2021). The state is a
    function of the evaluations in their order, so replaying those of earlier sessions through
    :meth:`decide` restores it.

    Trials without an awaited objective are behind all others, in the order in which they came.

    Args:
        problem: what is studied.
        objectives: names of the metrics to rank by.
        grace_period: the first rung; the others follow by factors of ``reduction_factor``, below
            what a trial spends that is never stopped.
    """

    def __init__(
        self,
        problem: Problem,
        objectives: Sequence[str],
        grace_period: int,
        reduction_factor: float,
    ) -> None:
        super().__init__()
        self.problem, self.objectives = problem, objectives
        self.directions = [str(problem.metric(name).goal) for name in objectives]
        self.reduction_factor = reduction_factor
        self.rungs: dict[float, Rung] = {
            rung: Rung() for rung in rungs(grace_period, reduction_factor, problem.max_resource)
        }
        self._waiting: dict[str, Rung] = {}
        """Where those trials wait that did not go on at their last evaluation."""
        self._ended: set[str] = set()

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        metrics = {name: result.get(reported(name), math.nan) for name in self.objectives}
        goes_on = self.decide(trial.trial_id, result[self.problem.resource], metrics)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP

    def decide(self, trial_id: str, spent: int, metrics: dict[str, Any]) -> bool:
        """Record an evaluation and return whether the trial goes on at once.

        A trial whose values are not all finite does not, unless they are awaited; nor does it ever.
        An evaluation that comes twice changes nothing.
        """
        if self.problem.has_failed(self.objectives, metrics):
            self.forget(trial_id)
            return False
        self._waiting.pop(trial_id, None)
        reached = [rung for at, rung in self.rungs.items() if spent >= at]
        if not reached:
            return True
        *below, rung = reached
        if trial_id not in rung.values:
            rung.values[trial_id] = [float(metrics.get(n, math.nan)) for n in self.objectives]
            rung.spent[trial_id] = spent
        passed = [each for each in below if trial_id in each.values]
        for each in [*passed, *([rung] if spent > rung.spent[trial_id] else [])]:
            each.gone_on[trial_id] = None
        self._fill(rung)
        if trial_id not in rung.gone_on:
            self._waiting[trial_id] = rung
        return trial_id in rung.gone_on

    def due(self) -> list[str]:
        """Return the trials that wait and are to go on, those that got furthest first."""
        return [
            trial_id
            for rung in reversed(self.rungs.values())
            for trial_id in rung.gone_on
            if self._waiting.get(trial_id) is rung
        ]

    def waits(self, trial_id: str) -> bool:
        """Return whether a trial waits at a rung."""
        return trial_id in self._waiting

    def go_on(self, trial_id: str) -> None:
        """Note that a trial that was due goes on."""
        del self._waiting[trial_id]

    def finish(self) -> None:
        """Let those go on whose places depend on whether more trials come: none will begin.

        The lowest rung that has such a place is the only one: those may come to the next.
        """
        for rung in self.rungs.values():
            if self.due():
                return
            self._fill(rung, more_will_come=False)

    def end(self, trial_id: str) -> None:
        """Have a trial keep its rank and not go on from where it waits: it has ended."""
        self._ended.add(trial_id)
        self._waiting.pop(trial_id, None)

    def forget(self, trial_id: str) -> None:
        """Leave a trial that failed out of all rungs; another may take its place."""
        self._waiting.pop(trial_id, None)
        for rung in self.rungs.values():
            rung.values.pop(trial_id, None)
            rung.gone_on.pop(trial_id, None)

    def _fill(self, rung: Rung, more_will_come: bool = True) -> None:
        """Let the best that wait at a rung go on while there are places."""
        all_places = places(len(rung.values), self.reduction_factor, more_will_come)
        free = all_places - len(rung.gone_on)
        if free <= 0:
            return
        waiting = [
            trial_id
            for trial_id in self._by_rank(rung)
            if trial_id not in rung.gone_on and trial_id not in self._ended
        ]
        for trial_id in waiting[:free]:
            rung.gone_on[trial_id] = None

    def _by_rank(self, rung: Rung) -> list[str]:
        """Return the trials of a rung, best first."""
        known = [name for name, values in rung.values.items() if all(map(math.isfinite, values))]
        order = ranking([rung.values[name] for name in known], self.directions)
        return [*(known[place] for place in order), *(n for n in rung.values if n not in known)]
