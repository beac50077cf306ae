"""The page of a running study."""

import math

import pytest
from support.planted_studies import ROWS, make_study

from study.page.refresher import LivePage


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, ROWS)


def test_the_live_page_keeps_to_its_share(study, monkeypatch):
    warnings, clock = [], [100.0]
    monkeypatch.setattr("study.page.refresher.time.monotonic", lambda: clock[0])

    def slow_draw(_):
        clock[0] += 2.0
        return "drawn"

    monkeypatch.setattr("study.page.refresher.draw", slow_draw)
    page, file = LivePage(study.folder, warnings.append), study.folder / "dashboard.html"

    def draws_at(seconds):
        clock[0] = seconds
        file.unlink(missing_ok=True)
        page.redraw_if_due()
        page.finish()
        return file.exists()

    assert [draws_at(s) for s in (105.0, 111.0)] == [False, True]
    # that took 2 s, so the next may begin after 200 s more
    assert [draws_at(s) for s in (200.0, 312.0, 314.0)] == [False, False, True]

    def broken(_):
        raise ValueError("no such figure")

    monkeypatch.setattr("study.page.refresher.draw", broken)
    assert not draws_at(1000.0)
    assert warnings == ["the page could not be drawn: ValueError: no such figure"]
    assert math.isfinite(page._next)
