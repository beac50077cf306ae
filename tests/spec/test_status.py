"""The words on disk are those of version 0.1, and what follows from them."""

from study.commands.opening import EXIT_STATUS
from study.results.optuna_export import STATES
from study.spec.status import ENDED, StudyStatus, TrialStatus


def test_trials():
    words = ["running", "completed", "stopped", "failed", "paused", "interrupted"]
    assert [str(status) for status in TrialStatus] == words
    assert ENDED == ("completed", "stopped", "failed")
    assert set(STATES) == set(TrialStatus)


def test_studies():
    assert [str(status) for status in StudyStatus] == [
        *("running", "finished", "interrupted", "failed")
    ]
    # one that was interrupted ends with the status of its signal
    assert set(EXIT_STATUS) == set(StudyStatus) - {StudyStatus.RUNNING, StudyStatus.INTERRUPTED}
