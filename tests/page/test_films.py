"""The films of a page: a slider and a button, on demand."""

import dataclasses

from PIL import Image
from support.browsing import check_accessible, check_quiet, show_at, wait_until_drawn
from support.planted_confirmations import confirmation
from support.planted_studies import ROWS, make_study
from support.waiting import wait_until

from study.page.dashboard import draw
from study.spec.problem import Stage

FRAMES = 4


def study_with_a_film(tmp_path):
    """The treated condition's first trial has left one."""
    study, done = make_study(tmp_path, ROWS), confirmation(0.8, 20.0)
    shades = [Image.new("L", (50, 20), 60 * shade) for shade in range(FRAMES)]
    path = tmp_path / "growth.png"
    shades[0].save(path, save_all=True, append_images=shades[1:])
    problem = dataclasses.replace(done.problem, films=(Stage("growth", "how it grows"),))
    treated, *others = done.trials
    trials = (dataclasses.replace(treated, films={"growth": path}), *others)
    return dataclasses.replace(
        study, confirmation=dataclasses.replace(done, problem=problem, trials=trials)
    )


def test_a_film_is_played_and_moved_by_hand(tmp_path, browser):
    show_at(browser, 1440, "light")
    page = tmp_path / "page.html"
    page.write_text(draw(study_with_a_film(tmp_path)))
    browser.get(page.as_uri())
    wait_until_drawn(browser)
    (film,) = browser.find_elements("css selector", ".film")
    assert not film.is_displayed()
    film.find_element("xpath", "../summary").click()
    slider, play = film.find_element("tag name", "input"), film.find_element("tag name", "button")

    def shown() -> list:
        """The frame by the slider, and the one in the window."""
        script = """
          const [strip, frame] = [arguments[0].querySelector("img"), arguments[0].firstChild];
          const height = frame.getBoundingClientRect().height;
          const above = frame.getBoundingClientRect().top - strip.getBoundingClientRect().top;
          return [Number(arguments[0].querySelector("input").value), Math.round(above / height)];
        """
        return browser.execute_script(script, film)

    assert shown() == [FRAMES - 1, FRAMES - 1]  # how it ends
    browser.execute_script(
        "arguments[0].value = 1; arguments[0].dispatchEvent(new Event('input'))", slider
    )
    assert shown() == [1, 1]
    assert slider.get_attribute("aria-valuetext") == "frame 2 of 4"
    play.click()
    assert play.text == "Stop"
    wait_until(lambda: shown() == [FRAMES - 1, FRAMES - 1], every_s=0.01)
    assert play.text == "Play"
    check_accessible(browser)
    check_quiet(browser)
