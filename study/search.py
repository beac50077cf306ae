"""How the next hyperparameters are chosen, and which trials are stopped early."""

import math
import warnings
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from study.description import Description
from study.reporting import reported

SAMPLERS = ("tpe", "random")
SCHEDULERS = ("asha", "none")


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """``tpe`` (multivariate) or ``random``."""
    if name == "random":
        return optuna.samplers.RandomSampler(seed)
    with warnings.catch_warnings():  # both options are marked experimental, and well established
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # constant_liar: trials still running repel the next one, or two would ask for the same
        return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)


class StudySearch(OptunaSearch):
    """Ray's OptunaSearch, honest about trials that did not run to the end.

    Ray's own tells an early-stopped trial as COMPLETE with the values of its smaller budget, and
    leaves one with a NaN objective RUNNING for ever. Here they are PRUNED without values, and FAIL.
    """

    def __init__(self, subject: Description, sampler: optuna.samplers.BaseSampler) -> None:
        space: dict[str, BaseDistribution] = {
            p.name: FloatDistribution(p.low, p.high, log=p.log) for p in subject.parameters
        }
        super().__init__(
            space=space,
            metric=[reported(name) for name in subject.objectives],
            mode=subject.directions,
            sampler=sampler,
            points_to_evaluate=list(subject.start_points),
        )
        self._subject = subject

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if trial_id in self._completed_trials:
            return
        self._completed_trials.add(trial_id)
        trial, study = self._ot_trials[trial_id], cast(optuna.Study, self._ot_study)
        if error or not result:
            study.tell(trial, state=TrialState.FAIL)
        elif result[self._subject.resource] < self._subject.max_resource:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            values = [self._value(name, result) for name in self._subject.objectives]
            if all(map(math.isfinite, values)):
                study.tell(trial, values)
            else:
                study.tell(trial, state=TrialState.FAIL)

    def _value(self, name: str, result: dict[str, Any]) -> float:
        """An objective as the sampler should see it: what is noise alone is the same for all."""
        value = float(result[reported(name)])
        noise_only = self._subject.metric(name).noise_only
        return 1.0 if noise_only and math.isfinite(value) else value


def make_scheduler(
    name: str, subject: Description, grace_period: int, reduction_factor: float
) -> TrialScheduler:
    """``asha`` on the first objective (Li et al. 2020), or ``none``: every trial to the end."""
    if name == "none":
        return FIFOScheduler()
    return AsyncHyperBandScheduler(
        time_attr=subject.resource,
        metric=reported(subject.objectives[0]),
        mode=subject.directions[0],
        max_t=subject.max_resource,
        grace_period=grace_period,
        reduction_factor=reduction_factor,
    )
