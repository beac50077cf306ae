"""Every trial in an Optuna storage, for optuna-dashboard and for ``optuna.load_study``.

The sampler works on a study of its own, in memory; this one is written to only. Early-stopped
trials are PRUNED here and have no objective values, since theirs belong to a smaller budget; what
they reached is among their attributes.
"""

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState

from study.description import Description

STATES = {
    "completed": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "interrupted": TrialState.FAIL,
}


class OptunaMirror:
    """Writes trials to ``sqlite:///PATH``, a study called ``name``."""

    def __init__(self, path: Path, name: str, subject: Description) -> None:
        self.subject = subject
        self._storage = optuna.storages.get_storage(f"sqlite:///{path}")
        self._study = optuna.create_study(
            study_name=name,
            storage=self._storage,
            directions=["minimize" if d == "min" else "maximize" for d in subject.directions],
        )
        with warnings.catch_warnings():  # marked experimental since optuna 3.2
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.set_metric_names(list(subject.objectives))
        self._numbers: dict[str, int] = {}

    def start(self, trial_id: str, parameters: Mapping[str, float]) -> None:
        distributions: dict[str, BaseDistribution] = {
            p.name: FloatDistribution(p.low, p.high, log=p.log) for p in self.subject.parameters
        }
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(parameters),
            distributions=distributions,
            user_attrs={"ray_trial_id": trial_id},
        )
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._numbers[trial_id] = self._storage.create_new_trial(study_id, template)

    def finish(self, trial_id: str, status: str, attributes: Mapping[str, Any]) -> None:
        """End a trial. ``attributes`` hold the objectives among others."""
        number = self._numbers[trial_id]
        for key, value in attributes.items():
            if not (isinstance(value, float) and math.isnan(value)):
                self._storage.set_trial_user_attr(number, key, value)
        values = None
        if status == "completed":
            values = [attributes[name] for name in self.subject.objectives]
        self._storage.set_trial_state_values(number, STATES[status], values)
