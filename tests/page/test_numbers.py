"""Numbers as a person writes them."""

import pytest

from study.page.numbers import apart, change, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6511.277, "6510"),
        (1013.4, "1010"),
        (17.96777, "18"),
        (0.0023562897438752996, "0.00236"),
        (0.000123456, "0.000123"),
        (2.5e-7, "2.5e-07"),
        (3, "3"),
        ("none", "none"),
    ],
)
def test_three_digits_and_no_exponent(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.456, "46%"), (0.0, "0%"), (1.71, "a factor of 2.7"), (9.0, "more"), (float("inf"), "more")],
)
def test_a_change_up_or_down_is_a_factor_where_a_decrease_has_no_percentage(difference, text):
    assert change(difference, "more") == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.05, "5% above"),
        (1.0, "0% above"),
        (0.73, "27% below"),
        (12.22, "12 times"),
        (1e4, "far above"),
        (float("inf"), "far above"),
    ],
)
def test_how_far_two_values_are_apart_is_a_share_or_a_multiple(ratio, text):
    assert apart(ratio) == text
