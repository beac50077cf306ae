"""What the tests of pages ask of a browser."""

import json

from support.waiting import wait_until


def wait_until_drawn(browser) -> None:
    """The page has drawn all that it draws."""
    ready = "return document.body && document.body.dataset.ready"
    wait_until(lambda: browser.execute_script(ready) == "yes")


def check_quiet(browser) -> None:
    """No error in the console, and no request has left."""
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:"))] == []


def show_at(browser, width: int, scheme: str) -> None:
    """A screen of that width in pixels, and the reader's ``light`` or ``dark``."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def check_accessible(browser) -> None:
    """axe finds no serious fault, and nothing lies beside the screen."""
    from axe_core_python.selenium import Axe

    found = Axe().run(browser)["violations"]
    serious = [
        (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(overflow) <= 0
