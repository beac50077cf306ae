"""Successive halving: who goes on from a rung, and who waits there."""

import dataclasses
import math

from ray.tune.schedulers import TrialScheduler
from support.toy_problem import TOY, with_awaited

from study.engine.asha import SuccessiveHalving
from study.spec.problem import Problem


class FakeTrial:
    def __init__(self, trial_id):
        self.trial_id = trial_id


def halving(
    *objectives: str, problem: Problem = TOY, grace_period=1, reduction_factor=3
) -> SuccessiveHalving:
    """The scheduler of a toy that spends up to nine rounds; it ranks by the error by default."""
    problem = dataclasses.replace(problem, max_resource=9)
    return SuccessiveHalving(problem, objectives or ("error",), grace_period, reduction_factor)


def arrive(scheduler, *errors, rung=1):
    """Have trials named by their errors come to a rung; return which went on at once."""
    return [e for e in errors if scheduler.decide(str(e), rung, {"error": e})]


def test_with_every_third_trial_the_best_that_waits_goes_on():
    scheduler = halving()
    assert arrive(scheduler, 5.0, 4.0) == []  # there is no place yet
    assert arrive(scheduler, 6.0) == []  # there is one, for a better one
    assert scheduler.due() == ["4.0"]
    assert arrive(scheduler, 7.0, 8.0, 3.0) == [3.0]
    assert arrive(scheduler, 1.0, 2.0) == []  # better, but both places are taken
    assert arrive(scheduler, 9.0) == []
    assert scheduler.due() == ["4.0", "1.0"]  # 3.0 is on its way


def test_who_has_gone_on_is_due_no_more():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0, 6.0)
    assert scheduler.decide("4.0", 2, {"error": 50.0})  # between rungs
    assert scheduler.due() == []


def test_those_that_got_furthest_go_on_first():
    scheduler = halving()
    arrive(scheduler, *(float(each) for each in range(9)))
    arrive(scheduler, 0.0, 3.0, 6.0, rung=3)
    assert scheduler.due() == ["0.0", "1.0", "2.0"]


def test_a_trial_that_was_not_evaluated_at_a_rung_is_judged_there_when_it_comes():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0, rung=3)
    assert scheduler.decide("late", 5, {"error": 2.0})
    assert list(scheduler.rungs[3].values) == ["5.0", "4.0", "late"]
    assert scheduler.decide("late", 6, {"error": 2.0})
    assert scheduler.due() == []


def test_when_no_trial_is_to_come_one_goes_all_the_way():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0)
    scheduler.finish()
    assert scheduler.due() == ["4.0"]
    assert not scheduler.decide("4.0", 3, {"error": 3.0})
    scheduler.finish()
    scheduler.finish()
    assert scheduler.due() == ["4.0"]
    assert scheduler.decide("4.0", 9, {"error": 2.0})
    assert scheduler.due() == []


def test_when_no_trial_is_to_come_places_are_rounded_up():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0, 6.0, 3.0)
    assert scheduler.due() == ["4.0"]
    scheduler.go_on("4.0")
    assert scheduler.due() == []
    scheduler.finish()
    assert scheduler.due() == ["3.0"]


def test_what_has_failed_leaves_its_place_to_another():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0, 6.0)
    scheduler.forget("4.0")
    scheduler.finish()
    assert scheduler.due() == ["5.0"]
    assert not scheduler.decide("5.0", 2, {"error": math.nan})
    scheduler.finish()
    assert scheduler.due() == ["6.0"]


def test_a_rung_is_closed_when_none_is_on_its_way_to_it():
    scheduler = halving()
    arrive(scheduler, 5.0, 4.0, 6.0)
    arrive(scheduler, 4.0, rung=3)
    arrive(scheduler, 3.0)
    scheduler.finish()
    assert scheduler.due() == ["3.0"]  # not 4.0, which it may beat there
    arrive(scheduler, 3.0, rung=3)
    scheduler.finish()
    assert scheduler.due() == ["3.0"]


def test_what_has_ended_keeps_its_rank_and_its_place_goes_to_another():
    scheduler = halving()
    for error in (5.0, 4.0):
        arrive(scheduler, error)
        scheduler.end(str(error))
    assert arrive(scheduler, 6.0) == [6.0]


def test_what_is_no_number_ends_a_trial():
    assert not halving().decide("a", 1, {"error": math.nan})
    assert not halving(grace_period=9).decide("a", 1, {"error": math.inf})


def test_what_is_awaited_comes_last():
    problem = with_awaited(TOY, "price")
    scheduler = halving("price", problem=problem, reduction_factor=2)
    for name in ("first", "second"):
        scheduler.decide(name, 1, {"price": math.nan})
    assert scheduler.due() == ["first"]  # while nobody has it, in the order of arrival
    assert not scheduler.decide("dear", 1, {"price": 9.0})
    assert not scheduler.decide("late", 1, {"price": math.nan})
    assert scheduler.due() == ["first", "dear"]
    assert not halving("error", "price", problem=problem).decide(
        "diverged", 1, {"error": math.nan, "price": math.nan}
    )


def test_higher_can_be_better():
    error, *others = TOY.metrics
    error = dataclasses.replace(error, goal="max")
    scheduler = halving(problem=dataclasses.replace(TOY, metrics=(error, *others)))
    arrive(scheduler, 1.0, 2.0, 1.5)
    assert scheduler.due() == ["2.0"]


def test_several_objectives_keep_the_front():
    """What is worse in the first objective goes on if it is better in the second."""
    points = [(1.0, 9.0), (9.6, 1.0), (9.0, 9.5), (9.5, 9.2)]
    both, one = halving("error", "price", reduction_factor=2), halving(reduction_factor=2)
    for scheduler in (both, one):
        for name, (error, price) in enumerate(points):
            scheduler.decide(str(name), 1, {"error": error, "price": price})
    assert both.rungs[1].gone_on.keys() == {"0", "1"}
    assert one.rungs[1].gone_on.keys() == {"0", "2"}


def test_the_same_evaluations_bring_the_same_rungs_back():
    first, again = halving(), halving()
    evaluations = [("a", 1, 5.0), ("b", 1, 6.0), ("c", 1, 4.0), ("c", 2, 3.5), ("c", 3, 3.0)]
    decided = [first.decide(t, s, {"error": e}) for t, s, e in evaluations]
    assert [again.decide(t, s, {"error": e}) for t, s, e in evaluations] == decided
    assert again.rungs == first.rungs
    assert again.due() == first.due()


def test_an_evaluation_that_comes_twice_changes_nothing():
    scheduler = halving(reduction_factor=1.01)
    for _ in range(2):
        assert arrive(scheduler, 5.0, 4.0) == [4.0]
        assert scheduler.due() == []


def test_ray_asks_it():
    scheduler = halving(reduction_factor=2)
    result = {"round": 1, "metrics/error": 2.0}
    assert scheduler.on_trial_result(None, FakeTrial("a"), result) == TrialScheduler.STOP
    result = {"round": 1, "metrics/error": 1.0}
    assert scheduler.on_trial_result(None, FakeTrial("b"), result) == TrialScheduler.CONTINUE
