import dataclasses
import math

import pytest
from optuna.trial import TrialState
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler
from subjects import TOY

from study.search import SAMPLERS, StudySearch, make_sampler, make_scheduler


def search(sampler: str = "tpe") -> StudySearch:
    return StudySearch(TOY, make_sampler(sampler, seed=0))


def result(done: int, error: float, price: float) -> dict[str, float]:
    """As Ray flattens what a trial has reported."""
    return {"round": done, "metrics/error": error, "metrics/price": price}


def states(searcher: StudySearch) -> list[TrialState]:
    return [trial.state for trial in searcher._ot_study.trials]


def test_start_points_come_first():
    searcher = search()
    assert searcher.suggest("a") == {"x": 1.0, "y": 0.5}
    second = searcher.suggest("b")
    assert second != {"x": 1.0, "y": 0.5}
    assert 0.1 <= second["x"] <= 10
    assert -1 <= second["y"] <= 1


def test_how_a_trial_ended_is_told_as_it_was():
    searcher = search()
    endings = {
        "full": (result(4, 1.0, 2.0), TrialState.COMPLETE),
        "early": (result(2, 0.1, 0.1), TrialState.PRUNED),
        "nan": (result(4, math.nan, 2.0), TrialState.FAIL),
        "raised": (None, TrialState.FAIL),
    }
    for name in endings:
        searcher.suggest(name)
    for name, (ended, _) in endings.items():
        searcher.on_trial_complete(name, ended, error=ended is None)
    assert states(searcher) == [state for _, state in endings.values()]
    assert [len(t.values or []) for t in searcher._ot_study.trials] == [2, 0, 0, 0]
    assert [t.values for t in searcher._ot_study.best_trials] == [[1.0, 2.0]]


def test_what_is_noise_alone_does_not_steer_the_search():
    price = next(m for m in TOY.metrics if m.name == "price")
    metrics = tuple(dataclasses.replace(m, noise_only=m is price) for m in TOY.metrics)
    subject = dataclasses.replace(TOY, metrics=metrics)
    searcher = StudySearch(subject, make_sampler("tpe", seed=0))
    for number, noise in enumerate((1.0, 1.2, 0.9)):
        searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), result(4, number, noise))
    assert [t.values for t in searcher._ot_study.best_trials] == [[0, 1.0]]


def test_an_end_told_twice_counts_once():
    searcher = search()
    searcher.suggest("a")
    searcher.on_trial_complete("a", result(4, 1.0, 2.0))
    searcher.on_trial_complete("a", None, error=True)
    assert states(searcher) == [TrialState.COMPLETE]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_go_on_after_every_kind_of_end(sampler):
    """A sampler that chokes on pruned or failed trials would do so after its start-up trials."""
    searcher = search(sampler)
    for number in range(40):
        point = searcher.suggest(str(number))
        ended = result(4 if number % 2 else 2, abs(point["y"]), point["x"])
        searcher.on_trial_complete(str(number), ended, error=number % 7 == 0)
    assert len(searcher._ot_study.trials) == 40


def test_tpe_learns():
    """Its later points are better than its random start."""
    searcher = search("tpe")
    errors = []
    for number in range(60):
        point = searcher.suggest(str(number))
        errors.append(abs(point["y"]) + math.log(point["x"] / 0.1))
        ended = result(4, abs(point["y"]), point["x"])
        searcher.on_trial_complete(str(number), ended)
    assert sum(errors[-20:]) < 0.7 * sum(errors[:20])


def test_the_same_seed_suggests_the_same():
    assert [search().suggest(n) for n in "abc"] == [search().suggest(n) for n in "abc"]


def test_schedulers():
    asha = make_scheduler("asha", TOY, grace_period=1, reduction_factor=2)
    assert isinstance(asha, AsyncHyperBandScheduler)
    assert (asha._time_attr, asha._metric, asha._mode, asha._max_t) == (
        "round",
        "metrics/error",
        "min",
        4,
    )
    assert isinstance(make_scheduler("none", TOY, 1, 2), FIFOScheduler)
