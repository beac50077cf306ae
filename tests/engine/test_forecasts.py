import dataclasses
import math

import pytest
from support.toy_problem import TOY, with_awaited

from study.engine.forecasts import Forecasts, forecast
from study.engine.samplers import StudySearch, make_sampler
from study.engine.space_filling import SpaceFilling
from study.spec.optuna_space import distribution


def test_a_value_changes_as_those_that_got_further_did():
    """By factors: from 1 to 3 the median is a half, from 3 to 9 it is a tenth."""
    full = {1: 8.0, 3: 4.0, 9: 0.4}
    curves = [full, {1: 10.0, 3: 5.0}, {1: 100.0, 3: 20.0}, {1: 6.0}]
    reached = [math.exp(value) for value in forecast(curves)]
    assert reached == pytest.approx([0.4, 0.5, 2.0, 0.3])


def test_values_that_are_not_all_positive_change_by_differences():
    assert forecast([{1: -1.0, 3: 2.0}, {1: 0.0}]) == pytest.approx([2.0, 3.0])


def test_a_curve_may_have_gaps_and_what_nobody_can_tell_stays_as_it_is():
    assert forecast([{1: 0.0, 9: -2.0}, {3: 1.0}]) == pytest.approx([-2.0, -1.0])
    assert forecast([{1: 0.0}, {3: 1.0}]) == pytest.approx([0.0, 1.0])
    assert forecast([]) == []


def forecasts(problem=TOY) -> Forecasts:
    distributions = {p.name: distribution(p) for p in problem.parameters}
    filling = SpaceFilling(problem.parameters, make_sampler("random", 0))
    return Forecasts(problem, distributions, make_sampler("gp", 0), filling, 8)


POINT = {"x": 1.0, "y": 0.5}


def shown(told: Forecasts) -> list[tuple[str, list[float] | None]]:
    return [(trial.state.name, trial.values) for trial in told._shown()]


def test_the_sampler_sees_running_trials_as_soon_as_they_have_a_value():
    told = forecasts()
    for name in ("ahead", "waiting", "failed"):
        told.begin(name, POINT)
    assert shown(told) == [("RUNNING", None)] * 3
    told.evaluated("ahead", 1, {"error": 1.0, "price": math.e})
    told.evaluated("failed", 1, {"error": 1.0, "price": 1.0})
    told.end("failed", failed=True)
    assert shown(told) == [("COMPLETE", [0.0, 1.0]), ("RUNNING", None)]


def test_what_is_awaited_is_waited_for():
    told = forecasts(with_awaited(TOY, "price"))
    told.begin("a", POINT)
    told.evaluated("a", 1, {"error": 1.0, "price": math.nan})
    assert shown(told) == [("RUNNING", None)]
    told.end("a", failed=False)
    assert shown(told) == []


@pytest.mark.parametrize("seed", range(3))
def test_trials_that_run_at_once_teach_the_sampler_before_any_has_ended(seed):
    """Sixteen have a value each: the next setting is better than three in four of them."""
    problem = dataclasses.replace(TOY, objectives=("error",), start_points=())
    search, errors = StudySearch(problem, "gp", seed, ()), []
    for number in range(17):
        point = search.suggest(str(number))
        errors.append((point["y"] - 0.3) ** 2 + (math.log10(point["x"]) - 0.2) ** 2)
        if number == 15:
            for name, error in enumerate(errors):
                search.on_trial_result(str(name), {"round": 1, "metrics/error": error})
    assert errors[16] < sorted(errors[:16])[4]
