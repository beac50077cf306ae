"""The page, opened from disk in a real browser with the network cut off."""

import dataclasses
import json
import shutil

import pytest
from PIL import Image
from subjects import TOY

from study import figures
from study.dashboard import draw, main
from study.records import load_study
from study.results import ResultsFolder

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def make_study(tmp_path, rows, subject=TOY, name="one"):
    folder = ResultsFolder.create(tmp_path, name, subject, {"settings": {}})
    folder.set_status("finished")
    for row in rows:
        for done in range(1, row["round"] + 1):
            reached = {"error": row["error"] + 4 - done, "round": done, "elapsed_s": done}
            folder.append_history(row | reached)
        if row["round"]:
            pictures = folder.path / "samples" / row["trial_id"]
            pictures.mkdir()
            for shade, stage in enumerate(subject.stages):
                Image.new("L", (8, 8), 90 * shade).save(pictures / f"{stage.name}.png")
    folder.write_trials(rows)
    return load_study(folder.path)


def row(trial_id, status, **values):
    base = {"trial_id": trial_id, "status": status, "stop_reason": "", "x": 1.0, "y": 0.25}
    return base | {"round": 4, "error": 1.0, "price": 2.0, "bound": 0.25, "work_s": 1.0} | values


ROWS = [
    row("aaa", "completed", error=0.5, price=3.0),
    row("bbb", "completed", error=0.9, price=1.0, x=7.0),
    row("ccc", "completed", error=2.0, price=4.0),
    row("ddd", "stopped", error=0.1, price=0.1, round=2),
    row("eee", "failed", round=0, error=None, price=None, stop_reason="ValueError: <script>"),
]


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
    price = next(m for m in TOY.metrics if m.name == "price")
    noisy = dataclasses.replace(price, noise_only=True)
    metrics = tuple(noisy if m is price else m for m in TOY.metrics)
    prices = [1.00, 1.02, 0.98, 1.01, 0.99]
    rows = [row(f"t{i}", "completed", error=i + 1, price=p) for i, p in enumerate(prices)]
    study = make_study(tmp_path, rows, dataclasses.replace(TOY, metrics=metrics))
    assert [trial.trial_id for trial in study.front] == ["t0"]
    band = figures.tradeoff(study).layout.shapes[-1]
    assert band.x1 / band.x0 == pytest.approx(1 + study.noise_floor("price"))


def test_curves_have_a_line_per_trial_that_reported(study):
    lines = {line.customdata[0]: list(line.y) for line in figures.learning_curves(study).data}
    assert lines == {
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


def test_redrawing_from_disk(study, capsys):
    assert main([str(study.folder)]) == 0
    assert (study.folder / "dashboard.html").stat().st_size > 1e6
    for other in (study.folder / "samples", study.folder / "trials.csv"):
        assert main([str(other)]) == 2
        error = capsys.readouterr().err
        assert "holds no study" in error
        assert error.count("\n") == 1


@pytest.fixture
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"),
        *("window-size=1440,900", "host-resolver-rules=MAP * ~NOTFOUND"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def shown(browser) -> dict:
    """What the panel of the selected trial says."""
    script = """
      const text = id => document.getElementById(id).innerText;
      const row = name => [...document.querySelectorAll("#metrics tr")].find(
        row => row.cells[0].innerText === name)?.cells[1].innerText;
      return {id: document.getElementById("trial").value, command: text("command"),
              ended: text("ended"), error: row("error"),
              pictures: [...document.images].filter(
                image => image.checkVisibility() && image.naturalWidth).map(image => image.id)};
    """
    return browser.execute_script(script)


def click_point(browser, plot: str, curve: int, point: int) -> None:
    """A real click at the place where the point is drawn."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    x, y = browser.execute_script(
        """
        const plot = document.getElementById(arguments[0]), layout = plot._fullLayout;
        const trace = plot.data[arguments[1]], box = plot.getBoundingClientRect();
        return [box.x + layout.xaxis._offset + layout.xaxis.d2p(trace.x[arguments[2]]),
                box.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[arguments[2]])];
        """,
        *(plot, curve, point),
    )
    mouse = ActionBuilder(browser)
    mouse.pointer_action.move_to_location(round(x), round(y)).click()
    mouse.perform()


def test_the_page_in_a_browser(study, browser):
    (study.folder / "dashboard.html").write_text(draw(study))
    browser.get((study.folder / "dashboard.html").as_uri())
    assert shown(browser)["id"] == "aaa"  # the best
    assert shown(browser)["pictures"] == ["picture-before", "picture-after"]

    point = list(trace(figures.tradeoff(study), "completed").customdata).index("bbb")
    click_point(browser, "tradeoff", 0, point)
    assert shown(browser) == {
        "id": "bbb",
        "command": "toy --x 7.0 --y 0.25",
        "ended": "completed",
        "error": "0.9",
        "pictures": ["picture-before", "picture-after"],
    }

    # a failed trial has no picture; what its error says is text, not markup
    browser.execute_script(
        "const menu = document.getElementById('trial'); menu.value = 'eee';"
        "menu.dispatchEvent(new Event('change'))"
    )
    assert shown(browser)["ended"] == "failed: ValueError: <script>"
    assert shown(browser)["pictures"] == []
    assert browser.title == "one: A toy <b>subject</b>"

    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
