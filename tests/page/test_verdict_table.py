"""The rows of the verdict's table, against planted effects."""

import dataclasses

import pytest
from support.browsing import check_quiet, wait_until_drawn
from support.planted_confirmations import confirmation
from support.planted_studies import ROWS, make_study

from study.page.dashboard import draw
from study.page.interval_axis import axis_of
from study.page.verdict_table import ends_of, groups_of, less_is_better


def rows(record):
    return {row.what: row for group in groups_of(record) for row in group.rows}


def test_a_row_for_each_comparison():
    (group,) = groups_of(confirmation(0.8, 20.0))
    assert (group.condition, group.baseline) == ("the treated", "bare")
    assert [row.what for row in group.rows] == [
        "error at equal rounds",
        "error at equal time",
        "work (s)",
    ]
    quality, at_time, work = group.rows
    assert (quality.value, quality.baseline_value) == ("0.801", "0.999")
    assert quality.low < quality.ratio < quality.high
    assert quality.ratio == pytest.approx(0.8, rel=0.01)
    assert (quality.decision, quality.tone) == ("better, > 10%", "good")
    assert (at_time.decision, at_time.tone) == ("worse, > 10%", "bad")
    assert (work.decision, work.rests_on) == ("worse, > 10%", "4")


def test_each_measure_of_quality_has_its_rows():
    (group,) = groups_of(confirmation(0.8, 10.0, harm=1.3))
    decisions = {row.what: row.decision for row in group.rows}
    assert list(decisions)[2:4] == ["harm at equal rounds", "harm at equal time"]
    assert decisions["error at equal rounds"] == "better, > 10%"
    assert decisions["harm at equal rounds"] == "worse, > 10%"


def test_that_less_is_better_is_said_where_it_holds_in_all_rows():
    record = confirmation(0.8, 10.0)
    assert less_is_better(record)
    metrics = tuple(
        dataclasses.replace(metric, goal="max") if metric.name == "work_s" else metric
        for metric in record.problem.metrics
    )
    problem = dataclasses.replace(record.problem, metrics=metrics)
    assert not less_is_better(dataclasses.replace(record, problem=problem))


@pytest.mark.parametrize(
    ("error", "noise", "decision"),
    [(1.0, 0.005, "equal"), (1.05, 0.005, "worse, < 10%"), (1.0, 0.5, "open")],
)
def test_the_decision_in_a_word_or_two(error, noise, decision):
    record = confirmation(error, 10.0, noise=noise)
    assert rows(record)["error at equal rounds"].decision == decision


def test_more_can_be_the_better_side():
    record = confirmation(0.8, 10.0)
    error, *others = record.problem.metrics
    problem = dataclasses.replace(
        record.problem, metrics=(dataclasses.replace(error, goal="max"), *others)
    )
    found = rows(dataclasses.replace(record, problem=problem))
    assert found["error at equal rounds"].decision == "worse, > 10%"


def test_seeds_that_failed_stand_beside_those_that_count():
    row = rows(confirmation(0.8, 10.0, seeds=6, failed=[0, 3]))["error at equal rounds"]
    assert row.rests_on == "6, 2 without a value"


def test_all_rows_share_an_axis():
    groups = groups_of(confirmation(0.8, 20.0))
    axis = axis_of(ends_of(groups))
    for row in groups[0].rows:
        places = [axis.at(v) for v in (row.low, row.ratio, row.high)]
        assert 0 < places[0] < places[1] < places[2] < 100
    assert 1.0 in axis.ticks
    assert axis.at(axis.low) == 0
    assert axis.at(axis.high) == 100


def test_a_confirmation_without_a_seed_has_rows_without_intervals(tmp_path):
    record = dataclasses.replace(confirmation(1.0, 10.0), trials=())
    row = rows(record)["error at equal rounds"]
    assert (row.value, row.ratio, row.decision, row.rests_on) == ("–", None, "open", "0")
    study = dataclasses.replace(make_study(tmp_path, ROWS), confirmation=record)
    assert "too few seeds have ended" in draw(study)


def test_the_table_on_the_page(tmp_path, browser):
    study = make_study(tmp_path, ROWS)
    study = dataclasses.replace(study, confirmation=confirmation(0.8, 20.0))
    (study.folder / "dashboard.html").write_text(draw(study))
    browser.get((study.folder / "dashboard.html").as_uri())
    wait_until_drawn(browser)
    table = browser.find_element("id", "comparisons")
    assert "better, > 10%" in table.text
    assert "2.54 [2.40, 2.69]" in table.text
    range_ = table.find_elements("css selector", "td .interval .range")[0]
    assert 0 < float(range_.get_attribute("x1")) < float(range_.get_attribute("x2")) < 100
    details = browser.find_element("css selector", "#part-verdict details")
    assert not browser.find_element("id", "verdict-text").is_displayed()
    details.find_element("tag name", "summary").click()
    assert "The cure helps, by more than 10%." in browser.find_element("id", "verdict-text").text
    assert browser.find_element("css selector", "#confirmed .main-svg").is_displayed()
    check_quiet(browser)
