"""How hard a search was, from planted qualities."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from study.analysis.tuning import Effort, effort, tuning_comparison
from study.results.records import load_study

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "mnist-small-0"


def test_effort_is_spread_and_expected_trials():
    found = effort([10.0, 10.9, 20.0, 40.0])  # two of four are near the best
    assert (found.n, found.trials_to_near) == (4, 5 / 3)
    assert found.spread == pytest.approx(np.log([10.0, 10.9, 20.0, 40.0]).std(ddof=1))
    with pytest.raises(ValueError, match="1 trials; expected at least 2"):
        effort([1.0])


@pytest.fixture(scope="module")
def searched():
    return load_study(REFERENCE)


def with_fids(study, fids):
    """The study, its trials evaluated once, with these qualities."""
    trials = []
    for trial, fid in zip(study.trials, fids, strict=False):
        only = dataclasses.replace(trial.curve[0], metrics={"fid": fid})
        trials.append(dataclasses.replace(trial, curve=(only,)))
    return dataclasses.replace(study, trials=tuple(trials))


def test_a_planted_spread_is_found(searched):
    one = with_fids(searched.baseline, [10, 10.5, 12, 14, 17, 20])
    both = with_fids(
        searched, [10 * math.exp(3 * math.log(fid / 10)) for fid in (10, 10.5, 12, 14, 17, 20)]
    )
    found = tuning_comparison(dataclasses.replace(both, baseline=one))
    assert found.both.spread == pytest.approx(3 * found.one.spread)
    middle, low, high = found.spread_ratio
    assert low < 3 < high
    assert middle == pytest.approx(3, rel=0.3)
    assert found.epoch == searched.trials[0].curve[0].resource


def test_trials_are_compared_at_the_first_epoch_of_all(searched):
    found = tuning_comparison(searched)
    at_first = [t.curve[0].metrics["fid"] for t in searched.trials]
    assert found.both == effort(at_first)
    alone = [t.curve[0].metrics["fid"] for t in searched.baseline.trials]
    near = sum(fid <= 1.1 * min(alone) for fid in alone)
    assert found.one == Effort(30, pytest.approx(found.one.spread), 31 / (near + 1))


def test_without_a_baseline_there_is_nothing_to_compare(searched):
    assert tuning_comparison(dataclasses.replace(searched, baseline=None)) is None
