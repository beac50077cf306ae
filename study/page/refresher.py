"""The page of a running study, which is redrawn from time to time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from study.page.dashboard import draw
from study.page.page_file import write_page
from study.results.folder import DASHBOARD_FILE
from study.results.records import load_study

SHARE = 0.01
"""The share of the wall time that drawing may take."""

SOONEST_S = 10.0
"""The least time from the begin of a study, or from one drawing, to the next."""


class LivePage:
    """The page of a running study, redrawn in a thread as often as :data:`SHARE` allows.

    Args:
        folder: the study's folder.
        warn: called with one line if the page cannot be drawn; the study goes on without it.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self.folder, self._warn = folder, warn
        self._next = time.monotonic() + SOONEST_S
        self._thread: threading.Thread | None = None

    def redraw_if_due(self) -> None:
        """Begin to draw, if it is time to and no drawing is under way."""
        drawing = self._thread is not None and self._thread.is_alive()
        if time.monotonic() >= self._next and not drawing:
            self._thread = threading.Thread(target=self._redraw, name="page")
            self._thread.start()

    def finish(self) -> None:
        """Wait until a drawing that is under way has ended."""
        if self._thread is not None:
            self._thread.join()

    def _redraw(self) -> None:
        start = time.monotonic()
        write_page(self.folder / DASHBOARD_FILE, lambda: draw(load_study(self.folder)), self._warn)
        end = time.monotonic()
        self._next = end + max(SOONEST_S, (end - start) / SHARE)
