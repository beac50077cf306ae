"""What the original's claims are judged by, from a results folder; needs neither Ray nor torch."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.analysis.conditions import Condition, conditions_of
from study.analysis.sequential import Looks
from study.replication.condition_names import CONTROLLED, PARAMETER
from study.results.folder import (
    EXTRA_SCORES_FILE,
    SAMPLES_FOLDER,
    STUDY_FILE,
    TIMING_FILE,
    read_rows,
)
from study.results.records import StudyRecord, load_study
from study.results.tables import check_info, check_rows

QUALITIES = {"fid": "FID", "fid_second": "FID (second network)"}
"""What tells how good images are, by the features of one network and of another."""


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by.

    Attributes:
        study: the replication.
        timing: lines of ``timing.csv``.
        extra_scores: lines of ``extra_scores.csv`` by condition and seed, of completed trials.
    """

    study: StudyRecord
    timing: list[dict[str, Any]]
    extra_scores: dict[tuple[str, int], list[dict[str, Any]]]

    @property
    def looks(self) -> Looks | None:
        """When a design whose seeds come in groups is looked at; None if all come at once."""
        planned = self.study.info.get("looks")
        return Looks(tuple(planned)) if planned else None

    @property
    def most_seeds(self) -> int:
        """The most seeds that any controlled condition has ended."""
        return max(map(len, self._ended.values()), default=0)

    @functools.cached_property
    def _ended(self) -> dict[str, list[int]]:
        """The seeds that each controlled condition has ended, ascending."""
        kinds = {name: about["kind"] for name, about in self.study.info["conditions"].items()}
        conditions = self.conditions.items()
        return {name: sorted(c.ended) for name, c in conditions if kinds[name] == CONTROLLED}

    def has_all(self, names: Sequence[str], seeds: int) -> bool:
        """Whether all these conditions have ended so many seeds, well or not."""
        return all(len(self._ended[name]) == seeds for name in names)

    def up_to(self, seeds: int) -> "Evidence":
        """Return what the first seeds of each controlled condition, so many, have left."""
        kept = {name: set(ended[:seeds]) for name, ended in self._ended.items()}
        trials = tuple(
            trial
            for trial in self.study.trials
            if (name := str(trial.parameters[PARAMETER])) not in kept
            or trial.parameters["seed"] in kept[name]
        )
        extra_scores = {
            (name, seed): lines
            for (name, seed), lines in self.extra_scores.items()
            if name not in kept or seed in kept[name]
        }
        study = dataclasses.replace(self.study, trials=trials)
        return dataclasses.replace(self, study=study, extra_scores=extra_scores)

    @functools.cached_property
    def conditions(self) -> dict[str, Condition]:
        """The conditions of the study by name."""
        return conditions_of(self.study)

    @functools.cached_property
    def qualities(self) -> list[str]:
        """Those of :data:`QUALITIES` that all controlled runs were measured by.

        Images of one's own have the first alone, and so has a replication that an earlier version
        began.
        """
        plans = self.study.info["conditions"]
        controlled = [
            trial
            for condition in self.conditions.values()
            if plans[condition.name]["kind"] == CONTROLLED
            for trial in condition.trials.values()
        ]
        return [q for q in QUALITIES if all(q in trial.metrics for trial in controlled)]

    def seeds(self, *names: str) -> list[int]:
        """Return the seeds that all these conditions have completed."""
        found = [set(self.conditions[name].trials) for name in names if name in self.conditions]
        return sorted(set.intersection(*found)) if len(found) == len(names) else []

    def values(self, name: str, metric: str, seeds: Sequence[int]) -> list[float]:
        """Return a metric of a condition for each seed; NaN where it was not reported."""
        return self.conditions[name].values(metric, seeds) if seeds else []

    def curve(self, name: str, metric: str, seed: int) -> list[tuple[int, float]]:
        """Return the epochs of the evaluations of a run, and a metric at each that has it."""
        trial = self.conditions[name].trials[seed]
        found = ((each.resource, each.metrics.get(metric)) for each in trial.curve)
        return [(epoch, float(value)) for epoch, value in found if value is not None]

    def extra_of(
        self, name: str, seed: int, images: str, column: str, steps: int | None = None
    ) -> float:
        """Return a column of the extra scores of a run's images; NaN where there are none."""
        lines = self.extra_scores.get((name, seed), [])
        wanted = (images, steps)
        found = (line for line in lines if (line["images"], line.get("steps")) == wanted)
        return next((float(line.get(column, math.nan)) for line in found), math.nan)

    def extra(self, name: str, images: str, column: str, steps: int | None = None) -> list[float]:
        """Return a column of the extra scores of a condition's images, for each of its seeds."""
        return [self.extra_of(name, seed, images, column, steps) for seed in self.seeds(name)]

    def seconds(self, group: str) -> dict[str, list[float]]:
        """Return the seconds of a step by item, in the order of the rounds."""
        found: dict[str, list[float]] = {}
        for line in self.timing:
            if line["group"] == group:
                found.setdefault(line["item"], []).append(float(line["seconds"]))
        return found


def load_evidence(folder: Path) -> Evidence:
    """Return what a replication has left so far."""
    study = load_study(folder)
    check_info(folder / STUDY_FILE, study.info, ("conditions", "train_images", "hardware"))
    timing = folder / TIMING_FILE
    extra_scores = {}
    for name, condition in conditions_of(study).items():
        for seed, trial in condition.trials.items():
            file = folder / SAMPLES_FOLDER / trial.trial_id / EXTRA_SCORES_FILE
            if file.exists():
                extra_scores[name, seed] = _read(file, ("images",), ())
    found = _read(timing, ("group", "item", "seconds"), ("seconds",)) if timing.exists() else []
    return Evidence(study, found, extra_scores)


def _read(file: Path, needed: Sequence[str], numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines of a table; raise DamagedFile where they lack what is needed of them."""
    lines = read_rows(file)
    check_rows(file, lines, needed, numbers)
    return lines
