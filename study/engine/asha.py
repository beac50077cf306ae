"""Early stopping: asynchronous successive halving on one objective or several."""

import math
from collections.abc import Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from study.engine.reporting import reported
from study.spec.halving import rungs
from study.spec.pareto import ranking
from study.spec.problem import Problem


class SuccessiveHalving(FIFOScheduler):
    """The scheduler that stops a trial at a rung unless it is among the best 1 in N seen there.

    This is the asynchronous rule of ASHA (Li et al. 2020) in its stopping form: no trial waits for
    a rung to fill, and the first to reach one goes on. With several objectives a rung is ranked by
    non-dominated sorting, then crowding (Schmucker et al. 2021). The state is a function of the
    evaluations in their order, so replaying those of earlier sessions through :meth:`decide`
    restores it.

    Trials without an awaited objective are behind all others and level with each other, so that
    none is stopped for coming late.

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
        self.rungs: dict[float, dict[str, list[float]]] = {
            rung: {} for rung in rungs(grace_period, reduction_factor, problem.max_resource)
        }
        """The values of each trial at each rung: rung → trial id → values."""

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        metrics = {name: result.get(reported(name), math.nan) for name in self.objectives}
        goes_on = self.decide(trial.trial_id, result[self.problem.resource], metrics)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP

    def decide(self, trial_id: str, spent: int, metrics: dict[str, Any]) -> bool:
        """Record an evaluation and return whether the trial goes on.

        A trial whose values are not all finite does not, unless they are awaited.
        """
        if self.problem.has_failed(self.objectives, metrics):
            return False
        values = [float(metrics.get(name, math.nan)) for name in self.objectives]
        for rung, recorded in reversed(self.rungs.items()):
            if spent >= rung:
                if (
                    trial_id in recorded
                ):  # judged before: an evaluation that comes twice changes nothing
                    return spent > rung or self._goes_on(recorded, trial_id)
                recorded[trial_id] = values
                return self._goes_on(recorded, trial_id)
        return True

    def _goes_on(self, recorded: dict[str, list[float]], trial_id: str) -> bool:
        """Rank only against trials that reached this rung earlier.

        So replaying the history repeats the decisions.
        """
        ids = list(recorded)
        ids = ids[: ids.index(trial_id) + 1]
        if all(map(math.isfinite, recorded[trial_id])):
            order = ranking([recorded[other] for other in ids], self.directions)
            place = order.index(len(ids) - 1)
        else:
            place = sum(all(map(math.isfinite, recorded[other])) for other in ids)
        return place < max(1.0, len(ids) / self.reduction_factor)
