import pytest

from study.spec.halving import expected_resource, rungs


def test_rungs():
    assert rungs(1, 3, 9) == [1, 3]
    assert rungs(4, 3, 36) == [4, 12]
    # 243 is the fifth power of 3; logarithms round it down
    assert rungs(1, 3, 243) == [1, 3, 9, 27, 81]
    assert rungs(9, 3, 9) == []


def test_scheduler_page_and_estimate_have_the_same_rungs(tmp_path):
    from support.planted_studies import make_study
    from support.toy_problem import TOY

    from study.analysis import search
    from study.engine.samplers import make_scheduler

    plan = {"scheduler": "asha", "grace_period": 1, "reduction_factor": 1.5}
    expected = rungs(1, 1.5, TOY.max_resource)
    assert search.rungs(make_study(tmp_path, [], **plan)) == expected
    assert list(make_scheduler("asha", TOY, 1, 1.5).rungs) == expected
    # where all trials go on, each step from rung to rung is spent
    assert expected_resource(TOY.max_resource, 1, 1.5, 1) == TOY.max_resource


def test_expected_resource():
    assert expected_resource(45, 45, 3, 1 / 3) == 45
    assert expected_resource(45, 5, 3, 1 / 3) == pytest.approx(5 + 10 / 3 + 30 / 9)
    assert expected_resource(45, 5, 3, 1) == 45
    assert expected_resource(2, 1, 3, 1 / 3) == pytest.approx(1 + 1 / 3)
