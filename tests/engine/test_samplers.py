import dataclasses
import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from ray.tune.search import Searcher
from support.toy_problem import TOY, with_awaited, with_noise

from study.engine.samplers import SAMPLERS, FixedDesign, StudySearch, make_scheduler
from study.spec.optuna_space import distribution
from study.spec.problem import Parameter


def search(sampler: str = "tpe", problem=TOY, begun: int = 0) -> StudySearch:
    return StudySearch(problem, sampler, 0, problem.start_points[begun:], begun)


def result(done: int, error: float, price: float) -> dict[str, float]:
    """As Ray flattens what a trial has reported."""
    return {"round": done, "metrics/error": error, "metrics/price": price}


def states(searcher: StudySearch) -> list[TrialState]:
    return [trial.state for trial in searcher.study.trials]


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
    assert [len(t.values or []) for t in searcher.study.trials] == [2, 0, 0, 0]
    assert [t.values for t in searcher.study.best_trials] == [[1.0, 2.0]]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2"])
def test_a_trial_that_never_got_as_far_as_its_objective_has_not_failed(sampler):
    searcher = search(sampler, problem=with_awaited(TOY, "price"))
    for name, ended in {
        "came late": result(4, 1.0, math.nan),
        "early": result(2, 1.0, math.nan),
        "nan": result(4, math.nan, math.nan),
    }.items():
        searcher.suggest(name)
        searcher.on_trial_complete(name, ended)
    assert states(searcher) == [TrialState.PRUNED, TrialState.PRUNED, TrialState.FAIL]


def test_what_is_noise_alone_is_kept_from_the_sampler():
    searcher = search(problem=with_noise(TOY, "price"))
    for number, noise in enumerate((1.0, 1.2, 0.9)):
        searcher.suggest(str(number))
        searcher.on_trial_complete(str(number), result(4, number, noise))
    assert [t.values for t in searcher.study.trials] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize(
    ("sampler", "values"), [("tpe", None), ("gp", None), ("nsga2", [0.3, 2.0])]
)
def test_what_samplers_learn_of_stopped_trials(sampler, values):
    """TPE knows PRUNED as bad, the Gaussian process has forecasts; NSGA-II is told what was."""
    searcher = search(sampler)
    searcher.suggest("a")
    searcher.on_trial_complete("a", result(2, 0.3, 2.0))
    assert searcher.study.trials[0].values == values


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_that_goes_on_knows_all_that_came_before(sampler):
    first, again = search(sampler), search(sampler, begun=9)
    for number in range(9):
        point = first.suggest(str(number))
        spent = 4 if number % 2 else 2
        metrics = {"error": float(number), "price": point["x"]}
        if number == 8:
            again.go_on("8", point, [])
            break
        first.on_trial_complete(str(number), result(spent, **metrics))
        again.learn(str(number), point, [(spent, metrics)])
    known = [[(t.state, t.params, t.values) for t in s.study.trials] for s in (first, again)]
    assert known[0] == known[1]
    assert known[1][-1][0] == TrialState.RUNNING
    again.on_trial_complete("8", result(4, 1.0, 1.0))
    assert again.study.trials[-1].state == TrialState.COMPLETE
    new = again.suggest("new")
    assert new not in [t.params for t in first.study.trials]  # nor the random start once more


def test_distributions():
    assert distribution(Parameter("x", "x", 0.1, 1.0, log=True)) == FloatDistribution(
        0.1, 1, log=True
    )
    assert distribution(Parameter("n", "n", 8, 32, step=8)) == IntDistribution(8, 32, step=8)
    assert distribution(Parameter("a", "a", choices=("b", "c"))) == CategoricalDistribution(
        ("b", "c")
    )


def test_a_fixed_design_is_run_in_its_order():
    points = [{"x": 1.0}, {"x": 2.0}]
    design = FixedDesign(points)
    assert [design.suggest(name) for name in "abc"] == [*points, Searcher.FINISHED]


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
    for number in range(25):
        point = searcher.suggest(str(number))
        ended = result(4 if number % 2 else 2, abs(point["y"]), point["x"])
        searcher.on_trial_complete(str(number), ended, error=number % 7 == 0)
    assert len(searcher.study.trials) == 25


@pytest.mark.parametrize(("sampler", "share"), [("tpe", 0.7), ("gp", 0.5)])
def test_samplers_learn_within_thirty_trials(sampler, share):
    """Though two in three are stopped early, the later points are better than the random start."""
    problem = dataclasses.replace(TOY, objectives=("error",), start_points=())
    ratios = []
    for seed in range(3):
        searcher, errors = StudySearch(problem, sampler, seed, ()), []
        for number in range(30):
            point = searcher.suggest(str(number))
            errors.append((point["y"] - 0.3) ** 2 + (math.log10(point["x"]) - 0.2) ** 2)
            spent = 4 if sorted(errors).index(errors[-1]) < max(1, len(errors) / 3) else 2
            searcher.on_trial_complete(str(number), result(spent, errors[-1] + 1 / spent, 1.0))
        ratios.append(sum(errors[-10:]) / sum(errors[:10]))
    assert sum(ratios) / 3 < share


def test_the_same_seed_suggests_the_same():
    assert [search().suggest(n) for n in "abc"] == [search().suggest(n) for n in "abc"]


def test_schedulers():
    asha = make_scheduler("asha", TOY, grace_period=1, reduction_factor=2)
    assert (asha.objectives, list(asha.rungs)) == (("error",), [1, 2])
    assert make_scheduler("pareto-asha", TOY, 1, 2).objectives == ("error", "price")
    assert list(make_scheduler("none", TOY, 1, 2).rungs) == []
