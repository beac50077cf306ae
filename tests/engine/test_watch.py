"""Signs of life, as the driver judges them."""

import pytest

from study.engine import watch
from study.engine.watch import SILENT_S, STALLED_S, Signs


class Worker:
    """A process that gives its sign at each look, unless it is stopped."""

    def __init__(self):
        self.beats, self.steps, self.stopped = 0, 0, False

    def read(self, _):
        self.beats += not self.stopped
        return f"{self.beats} {self.steps}"


@pytest.fixture
def worker():
    return Worker()


def hours(worker, signs, count, passed_s=10.0):
    """What is given up in so many hours of looks."""
    found = [signs.look(["a"], passed_s) for _ in range(int(count * 3600 / passed_s))]
    return [given_up["a"] for given_up in found if given_up]


def test_a_slow_trial_that_lives_is_left_alone(worker):
    assert not hours(worker, Signs(worker.read), 48)


def test_a_stopped_process_is_given_up_and_its_next_one_gets_as_long(worker):
    signs = Signs(worker.read)
    signs.look(["a"], 1.0)
    worker.stopped = True
    assert not signs.look(["a"], SILENT_S - 1)
    assert signs.look(["a"], 1.0) == {"a": "its process gave no sign of life for 120 s"}
    assert not signs.look(["a"], SILENT_S - 1)


def test_a_process_that_never_gave_a_sign_is_given_up():
    assert hours(None, Signs(lambda _: ""), 0.05) == ["its process gave no sign of life for 120 s"]


def test_a_trial_that_told_of_progress_and_makes_none_is_given_up(worker):
    worker.steps = 7
    assert hours(worker, Signs(worker.read), 1 + STALLED_S / 3600) == [
        "it made no progress for 21600 s"
    ]


def test_a_trial_that_ends_takes_its_signs_along(worker):
    signs = Signs(worker.read)
    worker.stopped = True
    signs.look(["a"], SILENT_S - 1)
    signs.look([], 1.0)
    assert not signs.look(["a"], SILENT_S - 1)


def test_bounds_leave_room_for_a_look():
    assert watch.BEAT_S < watch.HURRIED_S < watch.LOST_S < 60


def test_what_a_trial_told_last_is_known_while_it_runs():
    signs = Signs(lambda _: "3 12 dip 40/100")
    signs.look(["a"], 1.0)
    assert signs.doing == {"a": "dip 40/100"}
    signs.look([], 1.0)
    assert signs.doing == {}
