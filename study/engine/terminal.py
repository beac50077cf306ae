"""Progress in the terminal: a live line, or plain lines where nobody watches."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from study.page.text import clock
from study.spec.problem import Problem


class Display:
    """Shows counts, the best score and the time left; a context manager.

    Args:
        num_samples: trials in all.
        slots: trials at once.
        expected_s: seconds of each trial, as far as one can tell before; empty if unknown.
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
        self._progress = Progress(
            BarColumn(30),
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

    def update(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.rows = list(rows)
        ended = sum(row["status"] != "running" for row in self.rows)
        self._progress.update(self._task, completed=ended, description=self.summary())

    def trial_ended(self, row: Mapping[str, Any]) -> None:
        """One line per trial where there is no live line."""
        if not self.console.is_terminal:
            name = self.problem.objectives[0]
            score = f"{name} {row[name]:.2f}" if name in row else row["stop_reason"]
            spent = f"{self.problem.resource} {row[self.problem.resource]}"
            trial = f"trial {row['trial_id']} {row['status']} at {spent}, {score}"
            self.console.print(f"{self.summary()} | {trial}", soft_wrap=True, highlight=False)

    def summary(self) -> str:
        """``12/30 ended: 4 completed, 8 stopped, 0 failed; 2 running; best fid 6.3; 1:40 left``."""
        counts = Counter(row["status"] for row in self.rows)
        ended = sum(counts.values()) - counts["running"]
        text = (
            f"{ended}/{self.num_samples} ended: {counts['completed']} completed, "
            f"{counts['stopped']} stopped, {counts['failed']} failed; {counts['running']} running"
        )
        if best := self._best():
            text += f"; best {best}"
        if (left := self.seconds_left()) is not None:
            text += f"; about {clock(left)} left"
        return text

    def _best(self) -> str:
        """Among trials that ran to the end; the others' scores belong to a smaller budget."""
        name, direction = self.problem.objectives[0], self.problem.directions[0]
        scores = [row[name] for row in self.rows if row["status"] == "completed"]
        if not (scores and self.searched):
            return ""
        return f"{name} {(min if direction == 'min' else max)(scores):.2f}"

    def seconds_left(self) -> float | None:
        """What is expected of the trials that are left, at the pace of those that have ended."""
        expected = self.expected_s or [1.0] * self.num_samples  # all alike
        pairs = list(zip(self.rows, expected, strict=False))
        ended = [(row, each) for row, each in pairs if row["status"] != "running"]
        if not (ended or self.expected_s):
            return None
        planned = sum(each for _, each in ended)
        taken = sum(row["ended_s"] - row["started_s"] for row, _ in ended)
        pace = taken / planned if ended else 1.0
        # a running trial is on average half done
        running = sum(each for row, each in pairs if row["status"] == "running")
        return pace * (sum(expected) - planned - running / 2) / self.slots
