"""``python docs/screenshots.py``: take the picture of a default study's page that docs show.

It needs the packages of the extra `test`, and Chrome or Chromium.
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, whatever is installed

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from study.page.dashboard import draw
from study.results.records import load_study

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "results" / "reference" / "mnist-small-0"
PICTURE = STUDY / "dashboard.png"
WIDTH, HEIGHT = 1280, 1500  # pixels: the head, the verdict and the trade-off
PATIENCE_S = 120


def take(page: Path, picture: Path) -> None:
    """Save how the top of a page looks once all of it is drawn.

    Raises:
        TimeoutException: it is not drawn after two minutes.
    """
    options = webdriver.ChromeOptions()
    for argument in (
        "headless=new",
        "no-sandbox",
        "hide-scrollbars",
        "force-device-scale-factor=1",
        "blink-settings=primaryHoverType=2,availableHoverTypes=2",  # as with a mouse
    ):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options)
    try:
        screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.get(page.as_uri())
        ready = "return document.body.dataset.ready === 'yes'"
        WebDriverWait(driver, PATIENCE_S).until(lambda browser: browser.execute_script(ready))
        driver.save_screenshot(str(picture))
    finally:
        driver.quit()


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / STUDY.name
        shutil.copytree(STUDY, copy)
        page = copy / "dashboard.html"
        page.write_text(draw(load_study(copy)), encoding="utf-8")
        take(page, PICTURE)
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
