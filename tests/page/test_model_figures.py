"""The figures of the model, as data."""

import dataclasses

import pytest
from support.searched_studies import searched_study

from study.analysis.ablation import ablation, profiles
from study.page import figures
from study.page.dashboard import draw
from study.page.model_figures import describe_decisive


def trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_waterfall_has_a_bar_per_change_from_what_was_to_what_is(tmp_path):
    study = searched_study(tmp_path)
    found, figure = ablation(study), figures.waterfall(study)
    x = found.changes[0]
    better, unsure = trace(figure, "better"), trace(figure, "no sure change")
    assert (list(better.y), list(better.base)) == ([1], [found.start])
    assert better.base[0] + better.x[0] == pytest.approx(x.quality)
    assert (list(unsure.y), list(unsure.base)) == ([2], [x.quality])
    ends = next(t for t in figure.data if t.error_x.array and t.y == better.y)
    assert ends.x[0] - ends.error_x.arrayminus[0] == pytest.approx(found.start * x.factor.low)
    assert ends.x[0] + ends.error_x.array[0] == pytest.approx(found.start * x.factor.high)
    labels = figure.layout.yaxis.ticktext
    assert labels[0] == "The published setting"
    assert labels[1].startswith("x 10 → 0.1")
    assert labels[3].startswith("The best setting")
    assert "lower is better" in figure.layout.xaxis.title.text


def test_the_sensitivity_has_a_mark_and_an_interval_per_parameter(tmp_path):
    study = searched_study(tmp_path)
    (marks,) = figures.sensitivity(study).data
    for place, profile in enumerate(profiles(study)):
        assert marks.x[place] == profile.spread.ratio
        assert marks.x[place] + marks.error_x.array[place] == pytest.approx(profile.spread.high)
    sentence = describe_decisive(study)
    assert sentence.startswith("x × ")
    assert "(error at its worst value over that at its best)" in sentence
    assert sentence.endswith("Of no sure effect: y.")


def test_slices_have_the_model_with_its_band(tmp_path):
    study = searched_study(tmp_path)
    lines = [t for t in figures.slices(study).data if (t.name or "").startswith("model")]
    assert {line.xaxis for line in lines} == {"x", "x2"}
    by_name = {p.parameter.name: p for p in profiles(study)}
    assert tuple(next(t for t in lines if t.xaxis == "x").y) == by_name["x"].quality


def test_without_reference_or_model_the_page_says_what_is_missing(tmp_path):
    page = draw(searched_study(tmp_path, reference=None))
    assert "Needs a reference setting" in page
    assert 'id="decides"' in page  # for which none is needed
    few = searched_study(tmp_path, 5, name="few")
    assert "Needs a reference setting" in draw(few)
    assert 'id="decides"' not in draw(few)


def test_what_is_better_follows_the_goal(tmp_path):
    study = searched_study(tmp_path)
    error, *others = study.problem.metrics
    higher = dataclasses.replace(
        study.problem, metrics=(dataclasses.replace(error, goal="max"), *others)
    )
    figure = figures.waterfall(dataclasses.replace(study, problem=higher))
    assert "higher is better" in figure.layout.xaxis.title.text
