"""How the next hyperparameters are chosen, and which scheduler stops trials early."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from study.engine.asha import SuccessiveHalving
from study.engine.forecasts import Forecasts
from study.engine.reporting import Evaluation, reported
from study.engine.space_filling import SpaceFilling
from study.spec.optuna_space import distribution
from study.spec.problem import Problem, Value

SAMPLERS = ("tpe", "gp", "nsga2", "random")
SCHEDULERS = ("asha", "pareto-asha", "none")

STARTUP = {"tpe": 10, "gp": 8, "nsga2": 8}
"""Trials before a sampler uses their results; for NSGA-II the size of a generation."""

FORECASTS = ("tpe", "gp")
"""The samplers that learn from what every trial is expected to reach."""

NEEDED = {"tpe": 15, "gp": 12, "nsga2": 80}
"""Trials below which a sampler is hardly better than random; NSGA-II takes ten generations."""


def make_sampler(name: str, seed: int, begun: int = 0) -> optuna.samplers.BaseSampler:
    """Return Optuna's sampler: ``tpe`` (multivariate), ``gp``, ``nsga2`` or ``random``.

    Args:
        begun: trials of earlier sessions; a resumed sampler must not repeat its first draws.
    """
    seed = int(np.random.SeedSequence([seed, begun]).generate_state(1)[0])
    with warnings.catch_warnings():  # Optuna marks these options as experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP[name])
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=STARTUP[name])
        if name == "random":
            return optuna.samplers.RandomSampler(seed)
        # constant_liar: running trials repel the next one, which would otherwise be like them
        return optuna.samplers.TPESampler(
            n_startup_trials=STARTUP[name], multivariate=True, constant_liar=True, seed=seed
        )


class StudySearch(OptunaSearch):
    """Ray's OptunaSearch, corrected for trials that did not run to the end.

    Ray's own reports an early-stopped trial as COMPLETE with the values of its smaller budget, and
    leaves one with a NaN objective RUNNING for ever. Here they are PRUNED without values, and FAIL.
    But samplers learn from COMPLETE trials, of which successive halving leaves few. So ``gp`` and
    ``tpe`` are shown :class:`Forecasts`, of running trials too; ``nsga2`` gets what a trial had
    reached when it was first stopped, which for a loss errs towards too bad. This concerns the
    sampler's own study in memory, and no result.

    Args:
        points: settings to try first.
        begun: how many trials earlier sessions have begun; :meth:`learn` adds how they ended.
    """

    def __init__(
        self,
        problem: Problem,
        sampler: str,
        seed: int,
        points: Sequence[Mapping[str, Value]],
        begun: int = 0,
    ) -> None:
        self._distributions = {p.name: distribution(p) for p in problem.parameters}
        forecasts = sampler in FORECASTS
        super().__init__(
            space=self._distributions,
            metric=list(problem.searched_objectives),
            mode=[str(problem.metric(name).goal) for name in problem.searched_objectives],
            sampler=make_sampler("random" if forecasts else sampler, seed, begun),
            points_to_evaluate=[dict(point) for point in points],
        )
        self._problem = problem
        self._tells_stopped = sampler == "nsga2"
        self._forecasts: Forecasts | None = None
        if forecasts:
            proposer = make_sampler(sampler, seed, begun)
            filling = SpaceFilling(problem.parameters, make_sampler("random", seed, begun))
            self._forecasts = Forecasts(
                problem, self._distributions, proposer, filling, STARTUP[sampler]
            )

    @property
    def study(self) -> optuna.Study:
        """Return the sampler's own study."""
        return cast(optuna.Study, self._ot_study)

    def suggest(self, trial_id: str) -> Any:
        if self._forecasts is None:
            return super().suggest(trial_id)
        if not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self.study.enqueue_trial(self._forecasts.propose())
        parameters: Any = super().suggest(trial_id)
        self._forecasts.begin(trial_id, parameters)
        return parameters

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if self._forecasts is not None:
            spent = result[self._problem.resource]
            self._forecasts.evaluated(trial_id, spent, self._metrics(result))

    def _metrics(self, result: Mapping[str, Any]) -> dict[str, Any]:
        names = self._problem.searched_objectives
        return {name: result.get(reported(name), math.nan) for name in names}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        metrics = {}
        if result and not error:
            metrics = self._metrics(result)
            self.on_trial_result(trial_id, result)
        spent = (result or {}).get(self._problem.resource, 0)
        state, values = self._ending(spent, metrics)
        if self._forecasts is not None:
            self._forecasts.end(trial_id, failed=state == TrialState.FAIL)
        if trial_id not in self._completed_trials:  # else it has waited at a rung: Optuna knows
            self._completed_trials.add(trial_id)
            self.study.tell(self._ot_trials[trial_id], values, state)

    def _recover(
        self, trial_id: str, parameters: Mapping[str, Value], curve: Sequence[Evaluation]
    ) -> None:
        if self._forecasts is not None:
            self._forecasts.begin(trial_id, parameters)
            for spent, metrics in curve:
                self._forecasts.evaluated(trial_id, spent, metrics)

    def learn(
        self, trial_id: str, parameters: Mapping[str, Value], curve: Sequence[Evaluation]
    ) -> None:
        """Add a trial that an earlier session has ended, or left waiting at a rung."""
        spent, metrics = curve[-1] if curve else (0, {})
        state, values = self._ending(spent, metrics)
        self._completed_trials.add(trial_id)
        self._recover(trial_id, parameters, curve)
        if self._forecasts is not None:
            self._forecasts.end(trial_id, failed=state == TrialState.FAIL)
        self.study.add_trial(
            optuna.trial.create_trial(
                state=state,
                values=values,
                params=dict(parameters),
                distributions=self._distributions,
            )
        )

    def go_on(
        self, trial_id: str, parameters: Mapping[str, Value], curve: Sequence[Evaluation]
    ) -> None:
        """Add a trial that an earlier session began and this one goes on with."""
        self._recover(trial_id, parameters, curve)
        # in front of start points that are waiting: asking takes the first in the queue
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(parameters),
            distributions=self._distributions,
        )
        storage = self.study._storage
        number = storage.create_new_trial(self.study._study_id, template_trial=trial)
        self._ot_trials[trial_id] = optuna.trial.Trial(self.study, number)

    def _ending(
        self, spent: int, metrics: Mapping[str, Any]
    ) -> tuple[TrialState, list[float] | None]:
        """Return the state and the values of an ended trial, as Optuna should know them."""
        names = self._problem.searched_objectives
        if self._problem.has_failed(names, metrics):
            return TrialState.FAIL, None
        if self._problem.lacking(names, metrics):
            return TrialState.PRUNED, None
        values = [float(metrics[name]) for name in names]
        if spent >= self._problem.max_resource or self._tells_stopped:
            return TrialState.COMPLETE, values
        return TrialState.PRUNED, None


class FixedDesign(Searcher):
    """A searcher that searches nothing: it returns the given points in their order."""

    def __init__(self, points: Sequence[Mapping[str, Value]]) -> None:
        super().__init__()
        self._left = list(points)

    def suggest(self, trial_id: str) -> Any:
        return dict(self._left.pop(0)) if self._left else Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the points do not depend on results."""


def make_scheduler(
    name: str, problem: Problem, grace_period: int, reduction_factor: float
) -> SuccessiveHalving:
    """Return the scheduler of that name.

    ``asha`` ranks by the first objective, ``pareto-asha`` by all; with ``none`` all trials run to
    the end.
    """
    names = (
        problem.searched_objectives if name == "pareto-asha" else problem.searched_objectives[:1]
    )
    first_rung = problem.max_resource if name == "none" else grace_period
    return SuccessiveHalving(problem, names, first_rung, reduction_factor)
