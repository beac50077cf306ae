"""Troubles beside the trials: each is told once, and is in the study's record."""

import contextlib
from collections.abc import Callable, Iterator


class Notices:
    """The lines about what went wrong beside the trials: the database, the page, logs, a terminal.

    Args:
        show: shows a line to the user.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._told: set[str] = set()
        self.lines: list[str] = []

    def tell(self, what: str, line: str) -> None:
        """Show and keep a line, unless one about the same thing has been told."""
        if what in self._told:
            return
        self._told.add(what)
        self.lines.append(line)
        self._show(line)

    @contextlib.contextmanager
    def beside(self, what: str) -> Iterator[None]:
        """Tell an error of something that the trials do not need, which is done in here."""
        try:
            yield
        except Exception as error:  # whatever it is, the trials go on
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self.tell(what, f"the trials go on without {what}: {reason}")
