import math

import pytest
from optuna.trial import TrialState
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler
from subjects import TOY

from study.search import SAMPLERS, StudySearch, make_sampler, make_scheduler


def search(sampler: str = "tpe") -> StudySearch:
    return StudySearch(TOY, make_sampler(sampler, seed=0))


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
        "full": ({"round": 4, "error": 1.0, "price": 2.0}, TrialState.COMPLETE),
        "early": ({"round": 2, "error": 0.1, "price": 0.1}, TrialState.PRUNED),
        "nan": ({"round": 4, "error": math.nan, "price": 2.0}, TrialState.FAIL),
        "raised": (None, TrialState.FAIL),
    }
    for name in endings:
        searcher.suggest(name)
    for name, (result, _) in endings.items():
        searcher.on_trial_complete(name, result, error=result is None)
    assert states(searcher) == [state for _, state in endings.values()]
    assert [len(t.values or []) for t in searcher._ot_study.trials] == [2, 0, 0, 0]
    assert [t.values for t in searcher._ot_study.best_trials] == [[1.0, 2.0]]


def test_an_end_told_twice_counts_once():
    searcher = search()
    searcher.suggest("a")
    searcher.on_trial_complete("a", {"round": 4, "error": 1.0, "price": 2.0})
    searcher.on_trial_complete("a", None, error=True)
    assert states(searcher) == [TrialState.COMPLETE]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_go_on_after_every_kind_of_end(sampler):
    """A sampler that chokes on pruned or failed trials would do so after its start-up trials."""
    searcher = search(sampler)
    for number in range(40):
        point = searcher.suggest(str(number))
        result = {"round": 4 if number % 2 else 2, "error": abs(point["y"]), "price": point["x"]}
        searcher.on_trial_complete(str(number), result, error=number % 7 == 0)
    assert len(searcher._ot_study.trials) == 40


def test_tpe_learns():
    """Its later points are better than its random start."""
    searcher = search("tpe")
    errors = []
    for number in range(60):
        point = searcher.suggest(str(number))
        errors.append(abs(point["y"]) + math.log(point["x"] / 0.1))
        result = {"round": 4, "error": abs(point["y"]), "price": point["x"]}
        searcher.on_trial_complete(str(number), result)
    assert sum(errors[-20:]) < 0.7 * sum(errors[:20])


def test_the_same_seed_suggests_the_same():
    assert [search().suggest(n) for n in "abc"] == [search().suggest(n) for n in "abc"]


def test_schedulers():
    asha = make_scheduler("asha", TOY, grace_period=1, reduction_factor=2)
    assert isinstance(asha, AsyncHyperBandScheduler)
    assert (asha._time_attr, asha._metric, asha._mode, asha._max_t) == ("round", "error", "min", 4)
    assert isinstance(make_scheduler("none", TOY, 1, 2), FIFOScheduler)
