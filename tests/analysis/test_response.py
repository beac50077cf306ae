"""The model of a search's quality knows what was planted, and how well it knows it."""

import math

import pytest
from support.searched_studies import DECADES, REFERENCE, searched_study, true_error

from study.analysis.response import MIN_TRIALS, response


def test_it_finds_the_planted_effect_within_its_interval(tmp_path):
    model = response(searched_study(tmp_path))
    assert model.trials == 30
    assert model.explained > 0.95
    factor = model.factor({"x": 0.1, "y": 0.0}, {"x": 10.0, "y": 0.0})
    assert factor.low < 10**-DECADES < factor.high
    assert factor.is_sure
    same = model.factor({"x": 1.0, "y": -0.5}, {"x": 1.0, "y": 0.5})
    assert same.low < 1 < same.high
    assert not same.is_sure


def test_its_intervals_cover_what_is_true_of_settings_that_it_has_not_seen(tmp_path):
    """In most of twenty studies the interval of a change holds the true change."""
    held = 0
    for number in range(20):
        study = searched_study(tmp_path, 20 + number, noise=0.2, name=f"study-{number}")
        factor = response(study).factor({"x": 0.3, "y": 0.1}, {"x": 4.0, "y": 0.1})
        held += factor.low <= true_error(0.3) / true_error(4.0) <= factor.high
    assert held >= 17


def test_there_is_none_of_few_trials_or_of_mere_noise(tmp_path):
    assert response(searched_study(tmp_path, MIN_TRIALS - 1)) is None
    # errors that swing by a factor of e⁵ whatever the setting
    assert response(searched_study(tmp_path, noise=5.0, name="noisy")) is None


def test_it_predicts_at_full_resource_and_without_noise(tmp_path):
    model = response(searched_study(tmp_path))
    mean, covariance = model.log_quality([REFERENCE, {"x": 0.1, "y": 0.0}])
    assert mean[0] == pytest.approx(math.log(true_error(10.0)), abs=0.1)
    assert all(0 <= covariance[i, i] < 0.03 for i in (0, 1))
