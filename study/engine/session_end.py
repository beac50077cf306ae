"""The end of a session: when the search ends before its trials do, and what is recorded then."""

import datetime
import shutil
import threading
import time
from collections.abc import Sequence
from typing import Any

from ray import tune

from study.engine.plan import Plan
from study.engine.recorder import Recorder
from study.engine.watch import Watch
from study.results.folder import ResultsFolder
from study.results.usage import unit_of
from study.spec.interrupts import Hold, Interrupted
from study.spec.status import StudyStatus, TrialStatus

TIME_BUDGET = "time budget of"
"""The begin of the reason of a session that ended at its time budget."""

BUDGET = "budget of"
"""The begin of the reason of a session that ended when its study had used what it may."""


class End(tune.Stopper):
    """The stopper that ends a whole search.

    It does at its time budget or its budget of hours, at a signal, when results cannot be written,
    when trials fail for a reason that is not theirs, and when the driver is cut off from its Ray.
    """

    def __init__(self, plan: Plan, hold: Hold, recorder: Recorder) -> None:
        self.plan, self.hold, self._recorder = plan, hold, recorder
        budget_s = plan.time_budget_s
        self._deadline = None if budget_s is None else time.monotonic() + budget_s
        self.watch: Watch | None = None

    def __reduce__(self) -> tuple[type[tune.Stopper], tuple[()]]:
        """Pickle as a stopper that stops nothing: Ray pickles it, and a recorder cannot be."""
        return tune.stopper.NoopStopper, ()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        """Return whether the search ends now.

        Raises:
            Interrupted: Ray is lost: its own clean-up would wait for what is gone.
        """
        if self.watch and self.watch.lost:
            raise Interrupted
        recorder = self._recorder
        broken = recorder.fatal is not None or recorder.failures.verdict != ""
        return broken or self.hold.asked or self.time_is_up() or self.budget_is_used()

    def time_is_up(self) -> bool:
        """Return whether the time budget is spent."""
        return self._deadline is not None and time.monotonic() > self._deadline

    def budget_is_used(self) -> bool:
        """Return whether the trials have used the hours that they may."""
        budget = self.plan.budget_hours
        return budget is not None and self.plan.hours(self._recorder.held_s()) >= budget

    def reason(self) -> str:
        """Return why the search ended before its trials did; empty if nothing here is why."""
        if self.watch and self.watch.lost:
            return self.watch.lost
        if verdict := self._recorder.failures.verdict:
            return verdict
        if self.time_is_up() and not self.hold.asked:
            return f"{TIME_BUDGET} {self.plan.time_budget_s:g} s"
        if self.budget_is_used() and not self.hold.asked:
            unit = unit_of(self.plan.gpus_per_trial)
            return f"{BUDGET} {self.plan.budget_hours:.3g} {unit}"
        return ""


class SessionRecord:
    """A session in ``study.json``: that it runs, and however it ends, that it has ended."""

    def __init__(self, folder: ResultsFolder, recorder: Recorder, end: End) -> None:
        self.folder, self.recorder, self.stopper = folder, recorder, end
        self._began = datetime.datetime.now(datetime.UTC)
        self._entry: dict[str, Any] = {
            "started": self._began.isoformat(timespec="seconds"),
            "trials_before": len(recorder.rows),
            **{name: folder.info.get(name) for name in ("code", "hardware")},
        }
        self._ending = threading.Lock()

    def begin(self, expected_s: Sequence[float]) -> None:
        """Record that the study runs."""
        info = self.folder.info
        info["sessions"] = [*info.get("sessions", []), self._entry]
        expected = [round(each, 3) for each in expected_s]
        self.folder.set_status(StudyStatus.RUNNING, expected_s=expected)

    def end(self, status: StudyStatus) -> None:
        """Record how the session has ended, and that no trial runs any more; the first call counts.

        Raises:
            OSError: ``study.json`` cannot be written.
        """
        if not self._ending.acquire(blocking=False):
            return
        folder, recorder, entry = self.folder, self.recorder, self._entry
        if recorder.fatal or shutil.disk_usage(folder.path).free < 1_000_000:
            folder.use_reserve()
            status = StudyStatus.FAILED
        try:
            recorder.end_open_trials()
        finally:
            session_s = round(
                (datetime.datetime.now(datetime.UTC) - self._began).total_seconds(), 1
            )
            entry |= {"status": status, "wall_time_s": session_s}
            if status != StudyStatus.FINISHED and (reason := self.stopper.reason()):
                entry["reason"] = reason
            if recorder.notices.lines:
                entry["notices"] = recorder.notices.lines
            earlier_s = folder.info.get("wall_time_s", 0.0)
            folder.set_status(status, wall_time_s=round(earlier_s + session_s, 1))


def outcome(recorder: Recorder, num_samples: int) -> StudyStatus:
    """Return the status of a study, judged by its trials alone."""
    statuses = [TrialStatus(row["status"]) for row in recorder.rows.values()]
    if recorder.failures.verdict:
        return StudyStatus.FAILED
    if len(statuses) < num_samples or not all(status.has_ended for status in statuses):
        return StudyStatus.INTERRUPTED
    failed = all(status == TrialStatus.FAILED for status in statuses)
    return StudyStatus.FAILED if failed else StudyStatus.FINISHED
