"""Progress in the terminal: a live line, or plain lines where the output is no terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from study.page.progress import seconds_left
from study.page.text import clock
from study.results.usage import held_s
from study.spec.problem import Problem
from study.spec.status import ENDED, TrialStatus

WIDE = 120
"""Columns from which on the bar does not take the place of the text."""


class Display:
    """A context manager that shows counts, the best score and the time left.

    Args:
        num_samples: trials in all.
        slots: trials at once.
        expected_s: see :func:`study.page.progress.seconds_left`.
        searched: False for a fixed design, of which no trial is the best.
    """

    def __init__(
        self,
        problem: Problem,
        num_samples: int,
        slots: int,
        expected_s: Sequence[float],
        console: Console,
        searched: bool = True,
    ) -> None:
        self.problem, self.num_samples, self.slots = problem, num_samples, slots
        self.expected_s, self.console, self.searched = expected_s, console, searched
        self.rows: list[Mapping[str, Any]] = []
        self.doing: Mapping[str, str] = {}
        self._progress = Progress(
            BarColumn(30 if console.width >= WIDE else 6),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting Ray", total=num_samples)

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(
        self, rows: Iterable[Mapping[str, Any]], doing: Mapping[str, str] | None = None
    ) -> None:
        """Show the trials' rows as they are now.

        Args:
            doing: what running trials told last, by id, such as ``dip 40/100``.
        """
        self.rows, self.doing = list(rows), doing or {}
        ended = sum(row["status"] in ENDED for row in self.rows)
        self._progress.update(self._task, completed=ended, description=self.live_line())

    def live_line(self) -> str:
        """Return the summary, and what the running trials are at: a first end can be far away."""
        running = [row["trial_id"] for row in self.rows if row["status"] == TrialStatus.RUNNING]
        told = [self.doing.get(trial_id) or "starting" for trial_id in running[:2]]
        return f"{self.summary()} ({', '.join(told)})" if told else self.summary()

    def trial_ended(self, row: Mapping[str, Any]) -> None:
        """Print one line for a trial, unless there is a live line."""
        if not self.console.is_terminal:
            name = self.problem.objectives[0]
            score = f"{name} {row[name]:.2f}" if name in row else row["stop_reason"]
            spent = f"{self.problem.resource} {row[self.problem.resource]}"
            trial = f"trial {row['trial_id']} {row['status']} at {spent}, {score}"
            if (first := self._first_of_setting(row)) != row["trial_id"]:
                trial += f", a replicate of {first} with seed {row[self.problem.seed]}"
            self.console.print(f"{self.summary()} | {trial}", soft_wrap=True, highlight=False)

    def _first_of_setting(self, row: Mapping[str, Any]) -> str:
        """Return the id of the first trial that has the parameters of a row."""
        setting = self.problem.setting
        alike = (each["trial_id"] for each in self.rows if setting(each) == setting(row))
        return str(next(alike, row["trial_id"]))

    def summary(self) -> str:
        """Return the state of the study in one line, what matters most first: its end may be cut.

        ``12/30 ended, about 1:40 left; best fid 6.3; 1 failed; 2 running; 4 completed; 7 stopped``
        """
        counts = Counter(row["status"] for row in self.rows)
        text = f"{sum(counts[s] for s in ENDED)}/{self.num_samples} ended"
        if (left := self.seconds_left()) is not None:
            text += f", about {clock(left)} left"
        if best := self._best():
            text += f"; best {best}"
        if not self.rows:
            return f"{text}; waiting for the first trial to start"
        order = (
            TrialStatus.FAILED,
            TrialStatus.RUNNING,
            TrialStatus.PAUSED,
            TrialStatus.COMPLETED,
            TrialStatus.STOPPED,
        )
        return text + "".join(f"; {counts[status]} {status}" for status in order if counts[status])

    def _best(self) -> str:
        """Return the best score of completed trials; others' scores belong to a smaller budget."""
        name, direction = self.problem.objectives[0], self.problem.directions[0]
        scores = [row[name] for row in self.rows if row["status"] == TrialStatus.COMPLETED]
        if not (scores and self.searched):
            return ""
        return f"{name} {(min if direction == 'min' else max)(scores):.2f}"

    def seconds_left(self) -> float | None:
        """Return the seconds until all trials have ended, or None if that is unknown."""
        taken = [held_s([row]) if row["status"] in ENDED else None for row in self.rows]
        waiting = [held_s([row]) for row in self.rows if row["status"] == TrialStatus.PAUSED]
        return seconds_left(taken, self.num_samples, self.slots, self.expected_s, waiting)
