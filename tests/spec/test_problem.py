"""A problem knows which metrics its search can change, and survives its way through JSON."""

import dataclasses
import json
import math

import pytest
from support.toy_problem import TOY, with_awaited, with_noise

from study.spec.problem import Metric, Parameter, Problem


def through_json(problem: Problem) -> Problem:
    return Problem.from_json(json.loads(json.dumps(problem.to_json())))


def test_a_problem_survives_json():
    assert through_json(TOY) == TOY


def test_rerun_commands_keep_full_precision():
    assert TOY.rerun_command({"x": 0.1 + 0.2, "y": 1e-5}) == (
        "toy --x 0.30000000000000004 --y 1e-05"
    )


def test_a_metric_of_measured_work_is_noise_until_a_parameter_that_affects_it_is_searched():
    problem = with_noise(TOY, "price")
    assert problem.is_noise("price")
    assert problem.searched_objectives == ("error",)
    size = Parameter("size", "size", 1, 8, step=1, affects=("price",))
    wider = dataclasses.replace(problem, parameters=(*problem.parameters, size))
    assert not wider.is_noise("price")
    assert wider.searched_objectives == ("error", "price")
    assert not problem.is_noise("error")  # any parameter may change a score
    assert not problem.is_noise(problem.resource)
    assert through_json(wider).searched_objectives == wider.searched_objectives


def test_where_all_objectives_are_noise_the_first_is_searched_all_the_same():
    problem = dataclasses.replace(with_noise(TOY, "price"), objectives=("price",))
    assert problem.searched_objectives == ("price",)


def test_an_effect_on_an_unknown_metric_is_refused():
    size = Parameter("size", "size", 1, 8, affects=("beauty",))
    with pytest.raises(ValueError, match="parameter size affects beauty, which is no metric"):
        dataclasses.replace(TOY, parameters=(size,))


@pytest.mark.parametrize("noise", [True, False])
def test_the_noise_that_version_0_1_stored_is_read_as_it_was(noise):
    data = TOY.to_json()
    for parameter in data["parameters"]:
        del parameter["affects"]
    for metric in data["metrics"]:
        del metric["declared_effects_only"]
        metric["noise_only"] = metric["name"] == "price" and noise
    problem = Problem.from_json(json.loads(json.dumps(data)))
    assert [m.name for m in problem.metrics if problem.is_noise(m.name)] == ["price"] * noise


def test_a_value_is_in_the_search_if_it_can_be_suggested():
    steps = Parameter("n", "n", 8, 32, step=8)
    assert [value for value in (0, 8, 12, 32, 40) if steps.contains(value)] == [8, 32]
    assert Parameter("x", "x", 0.1, 1.0).contains(0.15)
    assert not Parameter("x", "x", 0.1, 1.0).contains(float("nan"))


def test_a_metric_with_the_name_of_the_seed_is_refused():
    seed = Metric("seed", "seed")
    with pytest.raises(ValueError, match="seed is a metric of the problem and the name of its"):
        dataclasses.replace(TOY, metrics=(*TOY.metrics, seed))
    named = dataclasses.replace(TOY, metrics=(*TOY.metrics, seed), seed="random_state")
    assert named.columns == ["x", "y", "random_state"]


@pytest.mark.parametrize("price", [math.nan, math.inf, None])
def test_a_trial_without_a_value_has_failed_unless_the_value_is_awaited(price):
    metrics = {"error": 1.0} if price is None else {"error": 1.0, "price": price}
    names, patient = TOY.objectives, with_awaited(TOY, "price")
    assert TOY.lacking(names, metrics) == patient.lacking(names, metrics) == ["price"]
    assert TOY.has_failed(names, metrics)
    assert not patient.has_failed(names, metrics)
    assert patient.has_failed(names, {})  # the error is missing too
    assert not TOY.has_failed(names, {"error": 1.0, "price": 2.0})
