"""Conditions: the settings that a fixed design runs with several seeds each.

A confirmation and a replication are fixed designs. ``study.json`` names their conditions, each with
the parameters that its trials share.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.results.folder import STUDY_FILE
from study.results.records import StudyRecord, TrialRecord, load_study
from study.spec.problem import Value
from study.spec.status import TrialStatus

Point = dict[str, Value]
"""The parameters of a trial, or of a condition: those of its trials without the seed."""


@dataclass(frozen=True)
class Condition:
    """A setting that is run with several seeds.

    Attributes:
        name: what it is called.
        parameters: those of its trials, but for the seed.
        trials: its completed trials by seed.
    """

    name: str
    parameters: Point
    trials: dict[int, TrialRecord]

    def values(self, metric: str, seeds: Sequence[int]) -> list[float]:
        """Return a metric's last value for each seed; NaN where it was not reported."""
        return [self.trials[seed].metrics.get(metric, math.nan) for seed in seeds]


def conditions_of(study: StudyRecord) -> dict[str, Condition]:
    """Return the conditions of a fixed design by name, in the order of ``study.json``."""
    made = {}
    for name, about in study.info["conditions"].items():
        trials = {
            int(t.parameters["seed"]): t
            for t in study.with_status(TrialStatus.COMPLETED)
            if {k: v for k, v in t.parameters.items() if k != "seed"} == about["parameters"]
        }
        made[name] = Condition(name, about["parameters"], trials)
    return made


def fixed_design(conditions: Iterable[Mapping[str, Value]], seeds: Iterable[int]) -> list[Point]:
    """Return the trials of a design: each condition's parameters with each seed.

    They come a seed at a time, so that what disturbs the machine disturbs all conditions alike.
    """
    conditions = list(conditions)
    return [{**parameters, "seed": seed} for seed in seeds for parameters in conditions]


def trials_with(path: Path, points: Sequence[Point]) -> int:
    """Return how many trials the study in ``path`` has once all points are among them."""
    done = load_study(path).trials if (path / STUDY_FILE).exists() else ()
    there = [trial.parameters for trial in done]
    return len(done) + sum(point not in there for point in points)
