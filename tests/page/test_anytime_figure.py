"""What the anytime figure draws, and what is said of it."""

import dataclasses

import pytest
from support.planted_confirmations import confirmation, curve, trial
from support.planted_studies import ROWS, make_study
from support.toy_problem import TOY, with_noise

from study.page.anytime_figure import anytime, describe_lead, searched
from study.page.dashboard import draw
from study.results.records import load_study


def with_curves(study, *curves):
    """A search with a trial for each curve of (seconds, quality)."""
    trials = []
    for i, points in enumerate(curves):
        made = trial(i, "yes", i, points[-1][1], points[-1][0])
        changes = {"parameters": {"x": 1.0, "y": 0.0}, "metrics": {**made.metrics, "price": 2.0}}
        trials.append(dataclasses.replace(made, trial_id=f"t{i}", curve=curve(points), **changes))
    return dataclasses.replace(study, trials=tuple(trials))


@pytest.fixture
def study(tmp_path):
    """The prior is slower to begin with, and better from 8 s on."""
    study = make_study(tmp_path, ROWS)
    baseline = with_curves(study, [(1.0, 8.0), (4.0, 4.0), (9.0, 3.9)])
    mine = with_curves(study, [(3.0, 9.0), (8.0, 1.0)], [(2.0, 20.0), (6.0, 5.0)])
    return dataclasses.replace(mine, baseline=baseline, confirmation=confirmation(0.8, 20.0))


def drawn(figure, name):
    (found,) = (t for t in figure.data if t.name == name)
    return list(zip(found.x, found.y, strict=True))


def test_a_front_for_each_search_up_to_the_last_second(study):
    figure = anytime(study)
    mine = [(2.0, 20.0), (3.0, 9.0), (6.0, 5.0), (8.0, 1.0), (9.0, 1.0)]
    assert drawn(figure, "with the cure: best so far") == mine
    baseline = [(1.0, 8.0), (4.0, 4.0), (9.0, 3.9), (9.0, 3.9)]
    assert drawn(figure, "without the cure: best so far") == baseline
    assert list(figure.data[0].customdata) == ["t0", "t0", "t1", "t1"]  # each can be selected


def test_who_leads_in_the_end_is_said_and_who_did_before(study):
    said = describe_lead(study)
    assert said == (
        "The best single runs, picked with hindsight: ahead by more than 10% from 8 s on: with the "
        "cure; before: without the cure."
    )
    assert said in draw(study)


def test_a_lead_that_changes_to_and_fro_is_counted(study):
    mine = [(0.5, 9.0), (2.0, 5.0), (8.0, 4.0)]
    changing = dataclasses.replace(with_curves(study, mine), baseline=study.baseline)
    assert describe_lead(changing) == (
        "The best single runs, picked with hindsight: within 10% of each other from 8 s on; "
        "before, the lead changes 3 times."
    )


def test_confirmed_conditions_are_curves_with_bands(study):
    figure = anytime(study)
    band, line = figure.data[-2:]
    assert line.name == "bare, confirmed (9 seeds)"
    assert band.fill == "toself"
    half = len(line.y)
    for low, value, high in zip(band.y[:half], line.y, reversed(band.y[half:]), strict=True):
        assert low < value < high


def test_of_more_than_two_conditions_the_first_pair_is_shown(study):
    info = study.confirmation.info
    info["conditions"]["again"] = info["conditions"]["bare"]
    seen = {t.name.split(",")[0]: t.visible for t in anytime(study).data[4:] if t.name}
    assert seen == {"the treated": True, "bare": True, "again": "legendonly"}


def test_a_search_alone_has_no_rival(tmp_path):
    study = make_study(tmp_path, ROWS)
    assert list(searched(study)) == ["this search"]
    assert describe_lead(study) == ""


def test_the_baselines_search_is_read_from_its_folder(tmp_path):
    study = make_study(tmp_path, ROWS)
    assert load_study(study.folder).baseline is None
    make_study(study.folder, ROWS[:2], name="baseline")
    baseline = load_study(study.folder).baseline
    assert [t.trial_id for t in baseline.trials] == ["aaa", "bbb"]
    assert list(searched(load_study(study.folder))) == ["this search", "the baseline's own search"]


def test_a_cost_that_nothing_changes_is_called_noise(tmp_path):
    page = draw(make_study(tmp_path, ROWS, with_noise(TOY, "price")))
    assert '<option value="price">price — noise: no searched setting changes it' in page
    assert page.index('<option value="anytime">') < page.index('<option value="price">')
