"""The page, opened from disk in a real browser with the network cut off."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys
from support.browsing import check_accessible, check_quiet, show_at, wait_until_drawn
from support.planted_confirmations import confirmation
from support.planted_studies import ROWS, make_study, row
from support.searched_studies import searched_study
from support.toy_problem import TOY, with_noise
from support.waiting import wait_until

from study.commands.dashboard import main
from study.page import figures
from study.page.dashboard import compare, draw
from study.page.plots import FIGURES, Plot
from study.results.records import load_study
from study.spec.problem import FIXED_DESIGN


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, ROWS)


def trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_tradeoff_shows_the_front_and_keeps_early_stopped_trials_apart(study):
    figure = figures.tradeoff(study)
    front = trace(figure, "Pareto front")
    assert list(zip(front.customdata, front.x, front.y, strict=True)) == [
        ("aaa", 3.0, 0.5),
        ("bbb", 1.0, 0.9),
    ]
    assert list(trace(figure, "completed").customdata) == ["aaa", "bbb", "ccc"]
    assert list(trace(figure, "stopped early").customdata) == ["ddd"]
    assert [line.y0 for line in figure.layout.shapes] == [0.25]  # the bound


def test_tradeoff_draws_the_noise_of_the_cost(tmp_path):
    prices = [1.00, 1.02, 0.98, 1.01, 0.99]
    rows = [row(f"t{i}", "completed", error=i + 1, price=p) for i, p in enumerate(prices)]
    study = make_study(tmp_path, rows, with_noise(TOY, "price"))
    assert [trial.trial_id for trial in study.front] == ["t0"]
    figure = figures.tradeoff(study)
    assert f"noise: within {study.noise_floor('price'):.0%} equal" in [
        note.text for note in figure.layout.annotations
    ]
    band = figure.layout.shapes[-1]
    assert band.x1 / band.x0 == pytest.approx(1 + study.noise_floor("price"))


def test_the_timeline_has_a_lane_per_slot_of_each_node(tmp_path):
    rows = [
        row(f"t{i}", "completed", node=node, gpus=gpu)
        for i, (node, gpu) in enumerate([("two", "0"), ("one", "0"), ("two", "1")])
    ]
    figure = figures.timeline(make_study(tmp_path, rows))
    assert figure.layout.yaxis.ticktext == ("one 1", "two 1", "two 2")
    bars = trace(figure, "completed")
    assert dict(zip(bars.customdata, bars.y, strict=True)) == {"t1": 1, "t0": 2, "t2": 3}
    assert set(bars.text) == {"GPU 0", "GPU 1"}


def test_the_timeline_names_as_many_lanes_as_can_be_read(tmp_path):
    """A thousand names took a browser half a minute."""
    for trials, named in ((3, 3), (1000, 40)):
        rows = [row(f"t{i}", "completed") for i in range(trials)]  # all at one time
        figure = figures.timeline(make_study(tmp_path, rows, name=f"of-{trials}"))
        assert len(set(trace(figure, "completed").y)) == trials
        assert len(figure.layout.yaxis.ticktext) == len(figure.layout.yaxis.tickvals) == named


def test_what_a_hover_says_of_restarts_and_places(tmp_path):
    lost = {"restarts": 1, "restart_reason": "ActorDiedError: the node is gone"}
    place = {"node": "two", "gpus": "1", "device_memory_gb": 1.5}
    study = make_study(tmp_path, [row("a", "completed", **lost, **place)])
    assert (
        "completed; restarts: 1, the last after ActorDiedError: the node is gone; "
        "on two GPU 1, at most 1.5 GB"
    ) in draw(study)


def lines_of(figure):
    """Trial → the heights of its line; lines of one trace are parted by None."""
    lines = {}
    for t in figure.data:
        for trial_id, y in zip(t.customdata, t.y, strict=True):
            if y is not None:
                lines.setdefault(trial_id, []).append(y)
    return lines


def test_curves_have_a_line_per_trial_that_reported(study):
    assert lines_of(figures.learning_curves(study)) == {
        "aaa": [3.5, 2.5, 1.5, 0.5],
        "bbb": pytest.approx([3.9, 2.9, 1.9, 0.9]),
        "ccc": [5.0, 4.0, 3.0, 2.0],
        "ddd": pytest.approx([3.1, 2.1]),
    }


def test_drawing_changes_nothing_on_disk_or_in_the_record(study):
    before = repr(study)
    first, second = draw(study), draw(study)
    assert first == second
    assert repr(study) == repr(load_study(study.folder)) == before


def test_the_page_says_where_better_is(tmp_path, study):
    assert "Lower left is better." in draw(study)
    error, *others = TOY.metrics
    best_high = dataclasses.replace(TOY, metrics=(dataclasses.replace(error, goal="max"), *others))
    assert "Higher left is better." in draw(make_study(tmp_path, ROWS, best_high, "two"))


@pytest.mark.parametrize("rows", [[], ROWS[4:], ROWS[3:4], ROWS[:1]])
def test_pages_of_small_and_failed_studies(tmp_path, rows):
    study = make_study(tmp_path, rows)
    assert "</html>" in draw(study)


def test_one_objective(tmp_path):
    study = make_study(tmp_path, ROWS, dataclasses.replace(TOY, objectives=("error",)))
    assert list(trace(figures.tradeoff(study), "completed").x) == [4, 4, 4]  # rounds


def test_a_plot_can_be_added_from_outside(study, browser):
    """One entry in the table puts it on the page, with what stands around it."""

    def prices(study):
        return go.Figure(go.Bar(y=[trial.metrics.get("price") for trial in study.trials]))

    more = Plot("prices", "search", prices, "What each costs", note="In euros.")
    (study.folder / "dashboard.html").write_text(draw(study, (*FIGURES, more)))
    browser.get((study.folder / "dashboard.html").as_uri())
    wait_until_drawn(browser)
    section = browser.find_element("id", "part-search")
    headings = [each.text for each in section.find_elements("tag name", "h3")]
    assert headings.index("What each costs") == headings.index("Who ran when") + 1
    assert "In euros." in section.text
    bars = "return document.getElementById('prices').data.map(trace => trace.y.length)"
    assert browser.execute_script(bars) == [len(ROWS)]
    check_quiet(browser)


def test_a_plot_with_nothing_to_show_is_left_out_or_says_so(study):
    silent = Plot("silent", "search", lambda study: None, "Nothing to see")
    saying = Plot("saying", "search", lambda study: None, "Not yet", instead="Come back later.")
    page = draw(study, (*FIGURES, silent, saying))
    assert "Nothing to see" not in page
    assert "Come back later." in page


def test_no_two_plots_share_a_place():
    names = [plot.name for plot in FIGURES]
    assert len(set(names)) == len(names)


def test_the_page_links_to_that_of_the_claims_where_there_is_one(study):
    assert "replication.html" not in draw(study)
    (study.folder / "replication.html").touch()
    assert '<a href="replication.html">' in draw(study)


def test_redrawing_from_disk(study, capsys):
    assert main([str(study.folder)]) == 0
    assert (study.folder / "dashboard.html").stat().st_size > 1e6
    for other in (study.folder / "samples", study.folder / "trials.csv"):
        assert main([str(other)]) == 2
        error = capsys.readouterr().err
        assert "holds no study" in error
        assert error.count("\n") == 1


def shown(browser, panel="a") -> dict:
    """What the panel of a selected trial says."""
    script = """
      const panel = arguments[0], text = id => document.getElementById(`${panel}-${id}`).innerText;
      const row = name => [...document.querySelectorAll(`#${panel}-scores tr`)].find(
        row => row.cells[0].innerText === name)?.cells[1].innerText;
      return {id: document.getElementById(panel === "a" ? "trial" : "other").value,
              command: text("command"), ended: text("ended"), error: row("error"),
              pictures: [...document.querySelectorAll("#panels img")].filter(
                image => image.id.startsWith(panel) && image.naturalWidth).map(image => image.id)};
    """
    return browser.execute_script(script, panel)


def choose(browser, menu: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", menu)).select_by_value(value)


def rows_of(browser) -> list[str]:
    script = "return [...document.querySelectorAll('#table tbody tr')].map(row => row.dataset.id)"
    return browser.execute_script(script)


def click_point(browser, plot: str, curve: int, point: int) -> None:
    """A real click at the place where the point is drawn."""
    place_pointer(browser, plot, curve, point, click=True)


def place_pointer(browser, plot: str, curve: int, point: int, click: bool = False) -> None:
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    x, y = browser.execute_script(
        """
        document.getElementById(arguments[0]).scrollIntoView({block: "center"});
        const plot = document.getElementById(arguments[0]), layout = plot._fullLayout;
        const trace = plot.data[arguments[1]], box = plot.getBoundingClientRect();
        return [box.x + layout.xaxis._offset + layout.xaxis.d2p(trace.x[arguments[2]]),
                box.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[arguments[2]])];
        """,
        *(plot, curve, point),
    )
    mouse = ActionBuilder(browser)
    mouse.pointer_action.move_to_location(round(x), round(y))
    if click:
        mouse.pointer_action.click()
    mouse.perform()


def open_page(study, browser, hash_=""):
    (study.folder / "dashboard.html").write_text(draw(study))
    browser.get((study.folder / "dashboard.html").as_uri() + hash_)
    wait_until_drawn(browser)


def test_of_a_fixed_design_none_is_called_the_best(tmp_path, browser):
    study = make_study(tmp_path, ROWS, sampler=FIXED_DESIGN)
    assert "Pareto front" not in [t.name for t in figures.tradeoff(study).data]
    open_page(study, browser)
    text = browser.find_element("tag name", "body").text
    assert "3 completed · 1 stopped early · 1 failed · a fixed design." in text
    assert "How the runs went" in text
    assert "best" not in text.lower()
    assert shown(browser)["id"] == "aaa"  # the first
    check_quiet(browser)


def marked_in(browser, plot: str) -> list[str]:
    """The trials that are marked over a plot."""
    script = "return [...document.querySelectorAll(arguments[0])].map(mark => mark.dataset.trial)"
    return browser.execute_script(script, f"#{plot} .selection *")


def test_the_mark_of_the_selection_stays_on_its_point(study, browser):
    """Whatever part of the plot is shown."""
    open_page(study, browser, "#axis=price&a=bbb")
    where = """
      const plot = document.getElementById("tradeoff"), {xaxis, yaxis} = plot._fullLayout;
      const trace = plot.data[0], i = trace.customdata.indexOf("bbb");
      const ring = plot.querySelector(".selection circle");
      return [[xaxis._offset + xaxis.d2p(trace.x[i]), yaxis._offset + yaxis.d2p(trace.y[i])],
              [Number(ring.getAttribute("cx")), Number(ring.getAttribute("cy"))]];
    """
    point, ring = browser.execute_script(where)
    assert ring == pytest.approx(point)
    zoom = """
      const [range, done] = arguments;
      Plotly.relayout("tradeoff", {"xaxis.range": range}).then(() => done());
    """
    browser.execute_async_script(zoom, [0, 2])
    moved, ring = browser.execute_script(where)
    assert moved != point
    assert ring == pytest.approx(moved)
    browser.execute_async_script(zoom, [2, 5])
    assert marked_in(browser, "tradeoff") == []  # it is not seen
    check_quiet(browser)


def test_a_click_selects_a_trial_everywhere(study, browser):
    open_page(study, browser, "#axis=price")
    assert shown(browser)["id"] == "aaa"  # the best
    assert shown(browser)["pictures"] == ["a-before", "a-after"]

    point = list(trace(figures.tradeoff(study), "completed").customdata).index("bbb")
    click_point(browser, "tradeoff", 0, point)
    assert shown(browser) == {
        "id": "bbb",
        "command": "toy --x 7.0 --y 0.25",
        "ended": "Trial 1 (bbb), completed",
        "error": "0.9",
        "pictures": ["a-before", "a-after"],
    }
    marked = (
        "return [...document.querySelectorAll('tr[aria-selected=true]')].map(r => r.dataset.id)"
    )
    assert browser.execute_script(marked) == ["bbb"]
    for plot in ("tradeoff", "curves", "slices"):
        assert marked_in(browser, plot) == ["bbb"]
    assert "a=bbb" in browser.current_url

    # a failed trial has no picture; what its error says is text, not markup
    choose(browser, "trial", "eee")
    assert shown(browser)["ended"] == "Trial 4 (eee), failed: ValueError: <script>"
    assert shown(browser)["pictures"] == []
    assert "ValueError: <script>" in browser.find_element("id", "failures").text
    assert browser.title == "one: A toy <b>problem</b>"
    check_quiet(browser)


def test_two_trials_side_by_side_and_a_link_that_remembers(study, browser):
    open_page(study, browser)
    choose(browser, "other", "ccc")
    assert (shown(browser)["id"], shown(browser, "b")["id"]) == ("aaa", "ccc")
    choose(browser, "axis", "work_s")
    title = "return document.getElementById('tradeoff').layout.xaxis.title.text"
    assert browser.execute_script(title) == "work (s)"
    browser.refresh()
    wait_until_drawn(browser)
    assert (shown(browser)["id"], shown(browser, "b")["id"]) == ("aaa", "ccc")
    assert browser.execute_script(title) == "work (s)"
    check_quiet(browser)


def test_the_table_sorts_filters_and_downloads(study, browser, tmp_path):
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    open_page(study, browser)
    assert rows_of(browser) == ["aaa", "bbb", "ccc", "ddd", "eee"]
    header = browser.find_element("css selector", "#table button[data-key=error]")
    header.click()
    assert rows_of(browser) == ["ddd", "aaa", "bbb", "ccc", "eee"]  # what is missing comes last
    header.click()
    assert rows_of(browser) == ["ccc", "bbb", "aaa", "ddd", "eee"]
    assert header.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    choose(browser, "status", "completed")
    assert rows_of(browser) == ["ccc", "bbb", "aaa"]
    browser.find_element("id", "search").send_keys("bb")
    assert rows_of(browser) == ["bbb"]
    assert browser.find_element("id", "count").text == "1 of 5 trials"
    browser.find_element("css selector", "#table tbody tr").click()
    assert shown(browser)["id"] == "bbb"
    browser.find_element("id", "download").click()
    file = tmp_path / "one.csv"
    wait_until(file.exists)
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["id"], row["status"], row["error"], row["x"]) == ("bbb", "completed", "0.9", "7")
    check_quiet(browser)


def test_the_command_is_copied_with_one_click(study, browser):
    open_page(study, browser)
    button = browser.find_element("id", "a-copy")
    button.click()
    # it copies, then says so
    wait_until(lambda: button.text == "Copied", every_s=0.01)
    field = browser.find_element("id", "search")
    field.send_keys(Keys.CONTROL, "v")
    assert field.get_attribute("value") == "toy --x 1.0 --y 0.25"


def test_hovering_shows_settings_and_a_picture(study, browser):
    open_page(study, browser, "#axis=price")
    place_pointer(browser, "tradeoff", 0, 1)
    tip = browser.find_element("id", "tip")
    assert tip.is_displayed()
    assert "trial 1, completed" in tip.text
    assert "x 7" in tip.text
    assert tip.find_element("tag name", "img").get_attribute("src").startswith("data:image/png")


def test_everything_is_reached_with_the_keyboard(study, browser):
    open_page(study, browser)
    reached = set()
    for _ in range(150):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        reached.add(active.get_attribute("id") or active.get_attribute("data-key") or active.text)
    assert {"axis", "trial", "other", "a-copy", "search", "status", "download"} <= reached
    assert {"number", "error", "x"} <= reached  # the table's headers


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_checker_of_accessibility_finds_no_serious_fault(tmp_path, browser, width, scheme):
    """On a page that has all: a verdict, a model of the trials, and what it says."""
    study = dataclasses.replace(searched_study(tmp_path), confirmation=confirmation(0.8, 20.0))
    show_at(browser, width, scheme)
    open_page(study, browser)
    check_accessible(browser)


def test_a_running_study_refreshes_itself_and_keeps_the_selection(tmp_path, browser):
    study = make_study(tmp_path, ROWS[:3])
    study.info["status"] = "running"
    text = draw(study)
    assert "3 of 5 trials have ended" in text
    (study.folder / "dashboard.html").write_text(
        text.replace("refreshSeconds: 15", "refreshSeconds: 2")
    )
    browser.get((study.folder / "dashboard.html").as_uri() + "#a=ccc&b=bbb")
    study.info["status"] = "finished"
    (study.folder / "dashboard.html").write_text(draw(study))
    wait_until(lambda: not browser.find_elements("id", "progress"))
    wait_until_drawn(browser)
    assert (shown(browser)["id"], shown(browser, "b")["id"]) == ("ccc", "bbb")


def test_a_thousand_trials(tmp_path, browser):
    """With pictures that do not compress: the page stays small, and those it leaves out are found
    in their folder."""
    rng = np.random.default_rng(0)
    rows = [
        row(f"t{i:04}", "completed" if i % 3 else "stopped", error=float(e), price=float(p))
        for i, (e, p) in enumerate(rng.random((1000, 2)) + 0.1)
    ]
    study = make_study(tmp_path, rows)
    noise = [Image.fromarray(rng.integers(0, 255, (70, 100), np.uint8)) for _ in range(4)]
    for trial in study.trials:
        for stage, path in trial.pictures.items():
            noise[len(stage) % 4].save(path)
    open_page(study, browser)
    assert (study.folder / "dashboard.html").stat().st_size < 5e6
    assert len(rows_of(browser)) == 1000
    last = max(study.with_status("completed"), key=lambda t: t.metrics["error"])
    width = "return document.getElementById('a-after').naturalWidth"
    for trial, inside in ((study.best, True), (last, False)):
        choose(browser, "trial", trial.trial_id)
        image = browser.find_element("id", "a-after")
        assert image.get_attribute("src").startswith("data:") == inside
        wait_until(lambda: browser.execute_script(width) == 100)
        assert marked_in(browser, "curves") == [trial.trial_id]
    redrawn = """
      let drawn = 0;
      for (const plot of document.querySelectorAll(".plot")) {
        plot.on?.("plotly_afterplot", () => { drawn += 1; });
      }
      select(data.trials[7].id);
      const done = arguments[0];
      requestAnimationFrame(() => requestAnimationFrame(() => done(drawn)));
    """
    assert browser.execute_async_script(redrawn) == 0  # no plot is drawn again
    check_quiet(browser)


def test_several_studies_side_by_side(tmp_path, browser, capsys):
    """Their names are text, whatever they hold."""
    first, second = make_study(tmp_path, ROWS), make_study(tmp_path, ROWS[1:3], name="two")
    assert main([str(first.folder), str(second.folder)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == tmp_path / "compare-one-two.html"
    browser.get(page.as_uri())
    wait_until_drawn(browser)
    names = browser.execute_script("return document.getElementById('fronts').data.map(t => t.name)")
    assert [name for name in names if name] == ["one", "two"]
    assert "A toy <b>problem</b>" in browser.find_element("tag name", "main").text
    check_quiet(browser)


def test_verdicts_side_by_side_lead_with_their_answers(tmp_path):
    helps, hurts = (
        dataclasses.replace(make_study(tmp_path, ROWS, name=name), confirmation=confirmation(e, 10))
        for name, e in (("helps", 0.8), ("hurts", 1.2))
    )
    page = " ".join(compare([helps, hurts]).split())
    assert "helps: The cure helps, by more than 10%, at equal rounds and at equal total" in page
    assert "hurts: At equal rounds the cure hurts, by more than 10%; at equal total" in page
    assert page.count("tone-good") > page.count(".tone-good")  # beside the rule of its colour
    alone = compare([make_study(tmp_path, ROWS, name="other"), helps])
    assert "helps: The cure helps" in " ".join(alone.split())
    assert 'id="verdicts"' not in compare([make_study(tmp_path, ROWS, name="without")])


@pytest.mark.parametrize("rows", [[], ROWS[4:], ROWS[3:4], ROWS[:1]])
def test_small_and_failed_studies_in_a_browser(tmp_path, browser, rows):
    open_page(make_study(tmp_path, rows), browser)
    assert len(rows_of(browser)) == len(rows)
    assert "Too few trials to say" in browser.find_element("tag name", "main").text
    check_quiet(browser)


def test_pictures_are_shown_four_times_as_large_one_over_another(study, browser):
    open_page(study, browser)
    browser.find_elements("css selector", ".picture")[1].click()
    assert browser.find_element("id", "viewer").is_displayed()
    left, right = (browser.find_element("id", f"{side}-image") for side in ("left", "right"))
    assert (left.get_attribute("alt"), right.get_attribute("alt")) == (
        "before of trial 0",
        "after of trial 0",
    )
    assert right.size["width"] == 4 * 8
    browser.find_element("id", "divide").send_keys(Keys.END)
    assert "100%" in right.value_of_css_property("clip-path")  # all of the left one is seen
    check_quiet(browser)


def test_a_plot_is_saved_from_its_own_buttons(study, browser, tmp_path):
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    open_page(study, browser)
    for kind in ("svg", "png", "csv"):
        button = f"[data-plot=curves][data-format={kind}]"
        browser.execute_script(f"document.querySelector('{button}').click()")
        wait_until((tmp_path / f"one-curves.{kind}").exists)
    assert "<svg" in (tmp_path / "one-curves.svg").read_text()
    rows = list(csv.DictReader((tmp_path / "one-curves.csv").read_text().splitlines()))
    assert {row["trace"] for row in rows} == {"completed", "stopped early"}  # no selection
    assert [float(row["y"]) for row in rows if row["customdata"] == "aaa" and row["y"]] == [
        *(3.5, 2.5, 1.5, 0.5)
    ]
    check_quiet(browser)
