"""What each change bought, where it is known what each change bought."""

import math

import pytest
from support.searched_studies import DECADES, REFERENCE, searched_study, true_error

from study.analysis.ablation import ablation, profiles


def test_the_path_goes_from_the_reference_to_the_best_by_what_gains_most(tmp_path):
    study = searched_study(tmp_path)
    found = ablation(study)
    assert found.start == pytest.approx(true_error(REFERENCE["x"]), rel=0.15)
    first, second = found.changes
    assert (first.parameter.name, first.before) == ("x", 10.0)
    assert first.after == study.best.parameters["x"]
    true = true_error(first.after) / true_error(first.before)
    assert first.factor.low < true < first.factor.high
    assert first.factor.is_sure
    assert second.parameter.name == "y"
    assert not second.factor.is_sure
    # what the changes do multiplies to what all of them do
    product = math.prod(change.factor.ratio for change in found.changes)
    assert found.whole.ratio == pytest.approx(product)
    assert second.quality == pytest.approx(found.start * product)


@pytest.mark.parametrize("reference", [None, {"x": 50.0, "y": 0.0}])
def test_there_is_no_path_without_a_reference_inside_of_what_is_searched(tmp_path, reference):
    assert ablation(searched_study(tmp_path, reference=reference)) is None


def test_profiles_go_through_the_best_trial_and_begin_with_what_matters_most(tmp_path):
    study = searched_study(tmp_path)
    x, y = profiles(study)
    assert (x.parameter.name, y.parameter.name) == ("x", "y")
    assert (x.values[0], x.values[-1]) == pytest.approx((0.1, 10.0))
    assert x.spread.low < 10**DECADES < x.spread.high
    assert not y.spread.is_sure
    for profile in (x, y):
        for low, middle, high in zip(profile.low, profile.quality, profile.high, strict=True):
            assert low < middle < high
    assert profiles(searched_study(tmp_path, 5, name="few")) == []
