"""How hard a pipeline is to tune: how much its settings differ, and how many have to be tried.

A study's search with a prior stands beside that of its baseline without one. Trials are compared at
the first epoch that all of both searches have reached, early-stopped ones included, since the few
that went on are a selection.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from study.analysis.intervals import CONFIDENCE
from study.results.records import StudyRecord

NEAR = 1.1
"""A setting is good enough within a tenth of the best one that was tried."""

RESAMPLES = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Effort:
    """What the settings that a search tried show of how hard it is to tune.

    Attributes:
        n: trials.
        spread: standard deviation of log quality over trials.
        trials_to_near: trials that random search is expected to need until one is within 10 % of
            the best: (n + 1) / (k + 1) where k of n are, the best itself among them.
    """

    n: int
    spread: float
    trials_to_near: float


@dataclass(frozen=True)
class TuningComparison:
    """The effort with a second part to tune, and without.

    Attributes:
        epoch: at which the trials are compared.
        both, one: the efforts with both parts and with one.
        spread_ratio, trials_ratio: with both against one, at equal numbers of trials: the ratio
            and its 95 % interval, by the bootstrap over trials (Efron & Tibshirani 1993, Ch. 13).
    """

    epoch: int
    both: Effort
    one: Effort
    spread_ratio: tuple[float, float, float]
    trials_ratio: tuple[float, float, float]


def effort(values: Sequence[float]) -> Effort:
    """Return the effort that qualities show, two or more positive numbers of which less is better.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} trials; expected at least 2")
    near = sum(value <= NEAR * min(values) for value in values)
    spread = statistics.stdev(map(math.log, values))
    return Effort(len(values), spread, (len(values) + 1) / (near + 1))


def tuning_comparison(study: StudyRecord, metric: str = "fid") -> TuningComparison | None:
    """Compare a search with its baseline's; None without a baseline of two trials or more.

    Trials that share no evaluation with the others, because they failed before it, are left out.
    """
    if study.baseline is None:
        return None
    curves = [
        [
            {each.resource: float(each.metrics.get(metric, math.nan)) for each in trial.curve}
            for trial in search.trials
            if trial.curve
        ]
        for search in (study, study.baseline)
    ]
    if min(map(len, curves)) < 2:
        return None
    epochs = set.intersection(*(set(curve) for search in curves for curve in search))
    if not epochs:
        return None
    epoch = min(epochs)
    both, one = ([curve[epoch] for curve in search if curve[epoch] > 0] for search in curves)
    return TuningComparison(
        epoch,
        effort(both),
        effort(one),
        _ratio(both, one, "spread"),
        _ratio(both, one, "trials_to_near"),
    )


def _ratio(both: Sequence[float], one: Sequence[float], of: str) -> tuple[float, float, float]:
    """Return the median and the interval over resamples of as many trials of either search.

    The more trials there are, the better is the best of them, and the fewer come near it.
    """
    rng, size, ratios = np.random.default_rng(0), min(len(both), len(one)), []
    for _ in range(RESAMPLES):
        drawn = (effort(rng.choice(values, size).tolist()) for values in (both, one))
        above, below = (getattr(each, of) for each in drawn)
        ratios.append(above / below if below else math.inf)
    share = (1 - CONFIDENCE) / 2
    low, middle, high = np.quantile(ratios, [share, 0.5, 1 - share], method="nearest").tolist()
    return middle, low, high
