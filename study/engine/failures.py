"""Failures in a row of one cause: then it is not the settings, and going on only burns trials."""

import re

from study.spec.status import TrialStatus

SAME_FAILURES = 5
"""So many trials that fail alike, with none between that ends well, end a search."""

NUMBERS = re.compile(r"\b(0x)?[0-9a-f]{6,}\b|\d+(\.\d+)?(e[+-]?\d+)?")
"""Matches what two errors of one cause may differ in: sizes, steps, addresses and ids."""


class Failures:
    """The failures since a trial last ended well, as far as they have one cause.

    A cause is the type and the text of an error, without its numbers. A run that diverged is a
    result of its settings: it neither counts nor ends a row.
    """

    def __init__(self) -> None:
        self._cause, self._reason, self._count = "", "", 0

    def ended(self, status: TrialStatus, reason: str, diverged: bool) -> None:
        """Note the end of a trial."""
        if diverged:
            return
        if status != TrialStatus.FAILED:
            self._cause, self._count = "", 0
            return
        cause = NUMBERS.sub("#", reason)
        self._count = self._count + 1 if cause == self._cause else 1
        self._cause, self._reason = cause, reason

    @property
    def verdict(self) -> str:
        """Return why the search should end, or nothing if it should not."""
        if self._count < SAME_FAILURES:
            return ""
        return f"{self._count} trials in a row failed alike: {self._reason}"
