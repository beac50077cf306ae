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


def test_the_best_third_goes_on():
    scheduler = halving()
    errors = [5.0, 6.0, 4.0, 4.5, 3.0, 4.2, 9.0, 3.5]
    on = [scheduler.decide(str(i), 1, {"error": e}) for i, e in enumerate(errors)]
    # the first; not the worse second; each new best; a runner-up once there are more than 3
    assert on == [True, False, True, True, True, False, False, True]


def test_a_trial_is_judged_once_per_rung():
    scheduler = halving()
    assert scheduler.decide("a", 1, {"error": 5.0})
    assert scheduler.decide("a", 2, {"error": 50.0})  # between rungs
    assert scheduler.decide("b", 1, {"error": 1.0})
    assert scheduler.decide("a", 3, {"error": 4.0})  # first on its rung
    assert not scheduler.decide("b", 3, {"error": 4.5})
    assert scheduler.decide("c", 5, {"error": 4.0 / 2})  # reported late: counts at the rung below
    assert list(scheduler.rungs[3]) == ["a", "b", "c"]


def test_what_is_no_number_ends_a_trial():
    assert not halving().decide("a", 1, {"error": math.nan})
    assert not halving(grace_period=9).decide("a", 1, {"error": math.inf})


def test_what_is_awaited_comes_last_and_stops_nobody_while_nobody_has_it():
    problem = with_awaited(TOY, "price")
    scheduler = halving("price", problem=problem)
    assert all(scheduler.decide(str(i), 1, {"price": math.nan}) for i in range(5))
    assert scheduler.decide("there", 1, {"price": 9.0})
    assert scheduler.decide("late", 1, {"price": math.nan})  # 1 of 7 is ahead
    assert all(scheduler.decide(f"there {i}", 1, {"price": 8.0 - i}) for i in range(4))
    assert not scheduler.decide("last", 1, {"price": math.nan})  # 5 of 12 are
    assert not halving("error", "price", problem=problem).decide(
        "diverged", 1, {"error": math.nan, "price": math.nan}
    )


def test_higher_can_be_better():
    error, *others = TOY.metrics
    error = dataclasses.replace(error, goal="max")
    scheduler = halving(problem=dataclasses.replace(TOY, metrics=(error, *others)))
    assert scheduler.decide("a", 1, {"error": 1.0})
    assert scheduler.decide("b", 1, {"error": 2.0})
    assert not scheduler.decide("c", 1, {"error": 1.5})


def test_several_objectives_keep_the_front():
    """What is worse in the first objective goes on if it is better in the second."""
    scheduler = halving("error", "price", reduction_factor=2)
    points = [(1.0, 9.0), (2.0, 8.0), (9.0, 1.0), (9.0, 9.5), (8.0, 2.0), (9.5, 9.0)]
    on = [scheduler.decide(str(i), 1, {"error": e, "price": p}) for i, (e, p) in enumerate(points)]
    assert on[0]
    assert on[2]
    assert not on[3]
    assert not on[5]
    plain = halving(reduction_factor=2)
    assert not [plain.decide(str(i), 1, {"error": e}) for i, (e, _) in enumerate(points)][2]


def test_the_same_evaluations_bring_the_same_rungs_back():
    first, again = halving(), halving()
    evaluations = [("a", 1, 5.0), ("b", 1, 6.0), ("a", 3, 2.0), ("c", 1, 4.0), ("c", 3, 3.0)]
    decided = [first.decide(t, s, {"error": e}) for t, s, e in evaluations]
    assert [again.decide(t, s, {"error": e}) for t, s, e in evaluations] == decided
    assert again.rungs == first.rungs
    # told twice, at a retry, it is judged as it was
    assert [again.decide(t, s, {"error": e}) for t, s, e in evaluations] == decided


def test_ray_asks_it():
    scheduler = halving()
    result = {"round": 1, "metrics/error": 1.0}
    assert scheduler.on_trial_result(None, FakeTrial("a"), result) == TrialScheduler.CONTINUE
    result = {"round": 1, "metrics/error": 2.0}
    assert scheduler.on_trial_result(None, FakeTrial("b"), result) == TrialScheduler.STOP
