"""What trials are expected to take, where only the first ones can tell."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from study.engine.notices import Notices
from study.engine.terminal import Display
from study.results.folder import ResultsFolder

Estimate = Callable[[Sequence[Mapping[str, Any]]], Sequence[float]]
"""Says by the rows of all trials how many seconds each is expected to take; empty if unknown."""


class FirstTrials(tune.Callback):
    """The callback that asks for an estimate after each evaluation until it has one.

    The terminal and the page then show the time left by it. It comes after the recorder's.

    Args:
        rows: the rows of all trials by id, which the recorder keeps up to date.
    """

    def __init__(
        self,
        estimate: Estimate,
        folder: ResultsFolder,
        display: Display,
        rows: Mapping[str, Mapping[str, Any]],
        notices: Notices,
    ) -> None:
        self._estimate: Estimate | None = estimate
        self._folder, self._display, self._rows, self._notices = folder, display, rows, notices

    def __reduce__(self) -> tuple[type[tune.Callback], tuple[()]]:
        """Pickle as a plain callback: Ray pickles it, and a display cannot be."""
        return tune.Callback, ()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        if self._estimate is None:
            return
        with self._notices.beside("an estimate of the cost"):
            if expected_s := self._estimate(list(self._rows.values())):
                self._estimate, self._display.expected_s = None, expected_s
                expected = [round(each, 3) for each in expected_s]
                self._folder.set_status(self._folder.info["status"], expected_s=expected)
