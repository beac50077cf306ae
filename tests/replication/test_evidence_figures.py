"""What the figures of training and drawing show."""

import dataclasses

import pytest
from support.planted_evidence import PRIOR_PSNR, evidence

from study.replication import evidence_figures
from study.replication.condition_names import COMBINED, PRIOR_SETS


@pytest.fixture(scope="module")
def planted():
    return evidence(noise=1e-9)


def test_curves_go_over_all_evaluations(planted):
    alone, combined, *noisy = evidence_figures.learning_curves(planted).data
    assert list(alone.y) == pytest.approx([20.0, 10.0])
    assert list(combined.y) == pytest.approx([28.0, 14.0])
    assert list(combined.x) == pytest.approx([10.0, 20.0])
    assert [list(trace.y) for trace in noisy] == [
        pytest.approx([100.0, 50.0]),
        pytest.approx([60.0, 30.0]),
    ]


def test_every_prior_set_has_a_point_per_seed(planted):
    figure = evidence_figures.prior_quality(planted)
    assert [trace.name for trace in figure.data] == list(PRIOR_SETS)
    assert len({(t.marker.color, t.marker.symbol) for t in figure.data}) == len(PRIOR_SETS)
    for trace in figure.data:
        assert list(trace.x) == pytest.approx([PRIOR_PSNR[trace.name]] * 5)


def test_drawing_is_shown_with_and_without_the_seconds_of_dip(planted):
    _, noise, prior, counted = evidence_figures.seconds_of_drawing(planted).data
    assert list(noise.text) == ["10 steps", "50 steps"]
    assert (list(noise.x), list(noise.y)) == (
        pytest.approx([1.0, 5.0]),
        pytest.approx([20.0, 6.0]),
    )
    assert (list(prior.x), list(counted.x)) == (pytest.approx([1.0]), pytest.approx([7.0]))


def test_a_study_that_has_just_begun_has_none(planted):
    study = dataclasses.replace(planted.study, trials=())
    begun = dataclasses.replace(planted, study=study, extra_scores={})
    for draw in (
        evidence_figures.learning_curves,
        evidence_figures.prior_quality,
        evidence_figures.seconds_of_drawing,
    ):
        assert draw(begun) is None
    assert COMBINED in begun.conditions
