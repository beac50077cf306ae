"""What trials hold of machines: for how long, and whether of one GPU with others."""

from collections.abc import Iterable, Mapping
from typing import Any

from study.spec.problem import Problem
from study.spec.status import TrialStatus


class HeldTime:
    """The seconds that each trial has held its share, in its row's ``held_s``, all tries together.

    Times are seconds since the study began.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        """When each running trial would have begun, had it never let go."""

    def begin(self, row: Mapping[str, Any], now_s: float) -> None:
        """Note that a trial holds its share from now on."""
        self._since[row["trial_id"]] = now_s - row.get("held_s", 0.0)

    def note(self, row: dict[str, Any], now_s: float) -> None:
        """Bring the row of a trial up to date."""
        if (since := self._since.get(row["trial_id"])) is not None:
            row["held_s"] = round(now_s - since, 3)

    def end(self, row: dict[str, Any], now_s: float) -> None:
        """Note that a trial holds its share no longer."""
        self.note(row, now_s)
        self._since.pop(row["trial_id"], None)


def shared_time(
    problem: Problem, row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> str | None:
    """Return a warning where a trial is judged by its seconds beside another on its GPU.

    Args:
        row: the trial's, after an evaluation.
        rows: those of all trials, its own among them.
    """
    timed = [name for name in problem.objectives if problem.metric(name).unit == "s"]
    beside = sum(
        other["status"] == TrialStatus.RUNNING
        and (other.get("node"), other.get("gpus")) == (row["node"], row["gpus"])
        for other in rows
    )
    if not timed or not 0 < row["gpu_share"] < 1 or beside < 2:
        return None
    return (
        f"trials share a GPU: {' and '.join(timed)} depend on what runs beside, and are not those "
        "of a trial alone; --gpus-per-trial 1 gives each a GPU of its own"
    )
