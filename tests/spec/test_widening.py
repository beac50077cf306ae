"""A study goes on with all that it searched before, or more."""

import dataclasses

import pytest
from support.toy_problem import TOY

from study.spec.errors import SettingError
from study.spec.problem import Parameter
from study.spec.widening import Widening, widenings

STEPS = Parameter("steps", "steps", 8, 32, step=8)
KIND = Parameter("kind", "kind", choices=("a", "b"))
BEFORE = dataclasses.replace(TOY, parameters=(*TOY.parameters, STEPS, KIND))


def changed(name, **changes):
    parameters = tuple(
        dataclasses.replace(p, **changes) if p.name == name else p for p in BEFORE.parameters
    )
    return dataclasses.replace(BEFORE, parameters=parameters)


def test_a_wider_range_is_told():
    assert widenings(BEFORE, BEFORE) == []
    assert widenings(BEFORE, changed("x", high=20.0)) == [Widening("x", (0.1, 10.0), (0.1, 20.0))]
    assert widenings(BEFORE, changed("steps", low=0)) == [Widening("steps", (8, 32), (0, 32))]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("x", {"low": 0.2}, "x is '0.2 to 10'; expected 0.1 to 10, as so far, or wider"),
        ("x", {"low": 0.05, "high": 5.0}, "x is '0.05 to 5'; expected 0.1 to 10"),
        (
            "x",
            {"log": False},
            "x is '0.1 to 10'; expected 0.1 to 10, as so far, or wider ",
        ),
        ("steps", {"low": 4}, "steps is '4 to 32 in steps of 8'; expected 8 to 32 in steps of 8"),
        ("kind", {"choices": ("a", "b", "c")}, "kind is 'a or b or c'; expected a or b: Optuna"),
    ],
)
def test_what_would_leave_earlier_trials_outside_is_refused(name, changes, message):
    with pytest.raises(SettingError) as caught:
        widenings(BEFORE, changed(name, **changes))
    assert message in str(caught.value)


def test_another_set_of_parameters_is_refused():
    with pytest.raises(SettingError, match="steps is '8 to 32 in steps of 8'; expected no range"):
        widenings(TOY, BEFORE)
    with pytest.raises(SettingError, match="steps is 'not searched'; expected 8 to 32"):
        widenings(BEFORE, TOY)
