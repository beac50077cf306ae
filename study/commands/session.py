"""One command at work on one study: what it works with, and how its trials are run."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dipddpm.data import Dataset
from dipddpm.features import Features
from study.commands.study_features import study_features
from study.engine.first_trials import Estimate
from study.engine.plan import Plan
from study.engine.recovery import reopen_failed
from study.engine.runner import run_study
from study.engine.session_end import TIME_BUDGET
from study.engine.trackers import make_trackers
from study.problem.settings import (
    StudySettings,
)
from study.results import provenance
from study.results.folder import (
    ResultsFolder,
)
from study.results.remote import (
    StorageCopy,
)
from study.results.usage import COST, hours_of_study, hours_used
from study.spec.status import ENDED, StudyStatus


@dataclass(frozen=True)
class Session:
    """One command at work on one study; closing it lets others work on the study.

    Attributes:
        settings: everything that the study depends on.
        folder: the results folder, locked for this process.
        dataset: the images that all runs share.
        console: where progress is shown.
        storage: keeps a copy of the results folder, if ``--storage-path`` names a place for it.
    """

    settings: StudySettings
    folder: ResultsFolder
    dataset: Dataset
    console: Console
    storage: StorageCopy | None
    _opened: contextlib.ExitStack

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    @functools.cached_property
    def features(self) -> Features:
        """What all scores rest on; made at the first use, and told of there."""
        run = self.settings.run
        std = run.std if run.regime == "noisy" else None
        return study_features(self.dataset, self.folder, self.console, std)

    @property
    def on_cluster(self) -> bool:
        """Whether the trials run on a cluster that was joined, whose nodes come and go."""
        return self.settings.ray_address is not None

    def run_trials(
        self,
        train: Callable[[dict[str, Any]], None],
        plan: Plan,
        folder: ResultsFolder,
        expected_s: Sequence[float] = (),
        estimate: Estimate | None = None,
    ) -> StudyStatus:
        """Run the trials of the study, or of a part whose ``folder`` lies in the study's.

        Args:
            train: the Tune function of the trials.
            expected_s: seconds that each trial is expected to take; empty if unknown.
            estimate: says that by the first trials, where it is unknown.

        Raises:
            OSError: results could not be written.
            RayIsLost: the driver was cut off from its Ray.
        """
        if self.budget_is_used:
            return StudyStatus.INTERRUPTED
        plan = dataclasses.replace(plan, budget_hours=self._hours_for(folder))
        if self.settings.retry_failed and (failed := reopen_failed(folder)):
            self.console.print(f"{folder.path.name}: {failed} failed trials are tried again")
        try:
            return self._run(train, plan, folder, expected_s, estimate)
        finally:
            used = round(hours_of_study(self.folder.path), 6)
            self.folder.info[COST] = {**self.folder.info.get(COST, {}), "used": used}
            self.folder.set_status(self.folder.info["status"])

    def _run(
        self,
        train: Callable[[dict[str, Any]], None],
        plan: Plan,
        folder: ResultsFolder,
        expected_s: Sequence[float],
        estimate: Estimate | None,
    ) -> StudyStatus:
        return run_study(
            folder.problem,
            train,
            plan,
            folder,
            expected_s=expected_s,
            estimate=estimate,
            console=self.console,
            storage_url=self.settings.storage_url,
            storage=self.storage,
            home=self.folder.path,
            cluster=self.on_cluster,
            trackers=make_trackers(
                self.settings.log_to, self.folder.path, folder.path, self._tags()
            ),
        )

    def _tags(self) -> dict[str, str]:
        """Return what all trials of the study have in common, for trackers."""
        run, info = self.settings.run, self.folder.info
        return {
            "preset": self.settings.preset,
            "dataset": Path(run.dataset).name,
            "regime": run.regime,
            "code": info["code"] or "no checkout",
        }

    def _hours_for(self, folder: ResultsFolder) -> float | None:
        """Return the hours that the trials of a part may use in all; None for any."""
        if self.settings.budget_hours is None:
            return None
        elsewhere = hours_of_study(self.folder.path) - hours_used(folder.path)
        return self.settings.budget_hours - elsewhere

    @property
    def budget_is_used(self) -> bool:
        """Whether the study has used the hours that it may."""
        budget = self.settings.budget_hours
        return budget is not None and hours_of_study(self.folder.path) >= budget

    @property
    def time_is_up(self) -> bool:
        """Whether the last session of the study ended at its time budget."""
        return str(self.folder.info["sessions"][-1].get("reason", "")).startswith(TIME_BUDGET)


def announce_resumed(session: Session) -> None:
    """Say how many trials of a resumed study have ended and how many go on."""
    if rows := session.folder.read_trials():
        ended = sum(row["status"] in ENDED for row in rows)
        session.console.print(
            f"resumed: {ended} have ended, {len(rows) - ended} go on where they were"
        )


def announce_placement(session: Session) -> None:
    """Say on what the trials run, and how many at once."""
    settings = session.settings
    plan = settings.plan
    session.console.print(
        f"on {_describe_capacity(settings)}: {plan.slots} at once, "
        f"{plan.cpus_per_trial:g} cores each"
        + (f" and {plan.gpus_per_trial:g} GPUs" if plan.gpus_per_trial else "")
    )
    if settings.capacity.gpus and settings.preset == "quick":
        session.console.print(
            "there is a GPU here: --preset original runs MNIST at the scale of the original report"
        )


def _describe_capacity(settings: StudySettings) -> str:
    """Return ``2 cores, no GPU`` or the like, or the node types of a cluster."""
    if settings.ray_address:
        return "a cluster of up to " + ", ".join(
            f"{node.count} {node.name} ({node.cpus:g} cores, {node.gpus:g} GPUs)"
            for node in settings.capacity.node_types
        )
    return f"{provenance.cores()} cores, {', '.join(provenance.gpus()) or 'no GPU'}"
