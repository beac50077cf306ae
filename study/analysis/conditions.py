"""Conditions: the settings that a fixed design runs with several seeds each.

A confirmation and a replication are fixed designs. ``study.json`` names their conditions, each with
the parameters that its trials share.
"""

import dataclasses
import math
import random
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
        failed: why others failed, by seed.
    """

    name: str
    parameters: Point
    trials: dict[int, TrialRecord]
    failed: dict[int, str] = dataclasses.field(default_factory=dict)

    @property
    def ended(self) -> set[int]:
        """The seeds of all trials that have ended, well or not."""
        return self.trials.keys() | self.failed.keys()

    def values(self, metric: str, seeds: Sequence[int]) -> list[float]:
        """Return a metric's last value for each seed; NaN where there is none."""
        metrics = (self.trials[seed].metrics if seed in self.trials else {} for seed in seeds)
        return [each.get(metric, math.nan) for each in metrics]


def conditions_of(study: StudyRecord) -> dict[str, Condition]:
    """Return the conditions of a fixed design by name, in the order of ``study.json``."""
    made = {}
    for name, about in study.info["conditions"].items():
        mine = [
            t
            for t in study.trials
            if {k: v for k, v in t.parameters.items() if k != "seed"} == about["parameters"]
        ]
        seeds = {t.trial_id: int(t.parameters["seed"]) for t in mine}
        trials = {seeds[t.trial_id]: t for t in mine if t.status == TrialStatus.COMPLETED}
        failed = {seeds[t.trial_id]: t.stop_reason for t in mine if t.status == TrialStatus.FAILED}
        made[name] = Condition(name, about["parameters"], trials, failed)
    return made


def judged_with(confirmation: StudyRecord, parameters: Mapping[str, Value]) -> Condition | None:
    """Return the condition with these parameters that a confirmation judges, or None.

    A baseline may have the same ones: it differs in the treatment, which is none of them.
    """
    conditions = conditions_of(confirmation)
    for name, _ in confirmation.info["pairs"]:
        if parameters.items() <= conditions[name].parameters.items():
            return conditions[name]
    return None


def fixed_design(conditions: Iterable[Mapping[str, Value]], seeds: Iterable[int]) -> list[Point]:
    """Return the trials of a design: each condition's parameters with each seed.

    They come a seed at a time, so that what disturbs the machine disturbs all conditions alike, and
    within a seed in an order of its own, so that none of them always comes first.
    """
    points = []
    for seed in seeds:
        round_ = [{**parameters, "seed": seed} for parameters in conditions]
        random.Random(seed).shuffle(round_)
        points += round_
    return points


def trials_with(path: Path, points: Sequence[Point]) -> int:
    """Return how many trials the study in ``path`` has once all points are among them."""
    done = load_study(path).trials if (path / STUDY_FILE).exists() else ()
    there = [trial.parameters for trial in done]
    return len(done) + sum(point not in there for point in points)
