"""The axis of ratios that the rows of a table share."""

import math

from study.page.interval_axis import WIDEST, Axis, axis_of


def test_places_are_logarithmic_and_cut_off_at_the_ends():
    axis = Axis(0.5, 2.0)
    assert [axis.at(ratio) for ratio in (0.5, 1.0, 2.0)] == [0, 50, 100]
    assert [axis.at(ratio) for ratio in (0.0, 50.0, math.inf)] == [0, 100, 100]


def test_an_axis_holds_what_it_can_and_1():
    axis = axis_of([0.3, None, 1.5])
    assert axis.low < 0.3 < 1 < 1.5 < axis.high
    assert 1.0 in axis.ticks
    assert axis_of([1e-9, 1e9]).high < 2 * WIDEST
    for ratios in ([], [0.2, 0.3], [7.0, 8.0]):
        assert axis_of(ratios).low < 1 < axis_of(ratios).high
