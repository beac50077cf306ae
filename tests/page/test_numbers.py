"""Numbers as a person writes them."""

import pytest

from study.page.numbers import short


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
