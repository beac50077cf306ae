"""The time left is one estimate: the terminal and the page show the same."""

import dataclasses
import io

import pytest
from rich.console import Console
from support.planted_confirmations import confirmation
from support.planted_studies import PLAN, make_study, row
from support.toy_problem import TOY

from study.engine.terminal import Display
from study.page.dashboard import draw
from study.page.progress import seconds_left


def test_the_page_tells_of_the_part_that_is_under_way(tmp_path):
    """And looks for a newer page, though the search has ended."""
    study = make_study(tmp_path, [row("a", "completed")])
    baseline = make_study(tmp_path, [row("b", "completed"), row("c", "running")], name="part")
    done = confirmation(0.8, 10.0)
    done.info["settings"] = {"plan": {**PLAN, "num_samples": 20}}
    assert "refreshSeconds: null" in draw(study)
    for part, record, said in (
        ("baseline", baseline, "the baseline's own search. 1 of 5 trials have ended"),
        ("confirmation", done, "confirmation. 18 of 20 trials have ended, about 0:10 left"),
    ):
        record.info["status"] = "running"
        page = draw(dataclasses.replace(study, **{part: record})).replace("&#39;", "'")
        assert f"Under way: {said}" in " ".join(page.split())
        assert "refreshSeconds: 15" in page


def test_nothing_is_said_without_anything_to_judge_by():
    assert seconds_left([], 10, 2, ()) is None
    assert seconds_left([None, None], 10, 2, ()) is None
    assert seconds_left([5.0, 5.0], 2, 2, ()) is None  # nothing is left


def test_of_a_search_that_is_slower_than_expected_nothing_is_said_while_trials_wait():
    assert seconds_left([None, 8.0], 10, 2, [2.0], waiting_s=[4.0]) == (20 - 12) / 2
    assert seconds_left([None, 8.0], 10, 2, [2.0], waiting_s=[14.0]) is None


def test_the_pace_is_that_of_ended_trials():
    assert seconds_left([None, None], 10, 2, [10.0]) == 45  # two of ten are half done
    assert seconds_left([12.0, None], 10, 2, [10.0]) == 12 * 8.5 / 2
    assert seconds_left([12.0, None], 10, 2, ()) == 12 * 8.5 / 2
    assert seconds_left([120.0, None], 10, 2, [100.0] * 4 + [10.0] * 6) == 1.2 * 310 / 2


@pytest.mark.parametrize(
    ("expected_s", "left"),
    [((), "0:07"), ((10.0,), "0:07"), ((10.0, 10.0, 100.0, 100.0, 100.0), "1:09")],
    ids=["unknown", "alike", "unlike"],
)
def test_terminal_and_page_show_the_same(expected_s, left, tmp_path):
    rows = [
        row("a", "completed", started_s=0.0, ended_s=5.0),
        row("b", "stopped", started_s=0.0, ended_s=6.0),
        row("c", "running", started_s=5.0, ended_s=None),
    ]
    display = Display(
        TOY, PLAN["num_samples"], PLAN["slots"], expected_s, Console(file=io.StringIO())
    )
    display.update(rows)
    assert f"about {left} left" in display.summary()
    study = make_study(tmp_path, rows)
    study.info.update(status="running", expected_s=list(expected_s))
    assert f"about {left} left" in " ".join(draw(study).split())
