"""How trials and studies stand; the words are those of ``trials.csv`` and ``study.json``."""

import enum


class TrialStatus(enum.StrEnum):
    """The status of a trial."""

    RUNNING = "running"
    COMPLETED = "completed"
    """It ran to the full resource."""
    STOPPED = "stopped"
    """The scheduler stopped it early."""
    FAILED = "failed"
    PAUSED = "paused"
    """It waits at a rung, and goes on if it comes to be among the best there."""
    INTERRUPTED = "interrupted"
    """It was cut off with its study and goes on when that is resumed."""

    @property
    def has_ended(self) -> bool:
        """Whether the trial will not go on, in this session or a later one."""
        return self not in (TrialStatus.RUNNING, TrialStatus.PAUSED, TrialStatus.INTERRUPTED)


class StudyStatus(enum.StrEnum):
    """The status of a study, or of one of its parts."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    """Trials are left to run; ``--resume`` runs them."""
    FAILED = "failed"
    """No trial ended well, or the results could not be written."""


ENDED = tuple(status for status in TrialStatus if status.has_ended)
"""The statuses of trials that will not go on."""
