"""What a signal does to the process that has it."""

import os
import signal
import subprocess
import sys

import pytest

from study.spec import interrupts
from study.spec.interrupts import SIGNALS, Interrupted, exit_status, held, raising, undisturbed


@pytest.fixture(autouse=True)
def nothing_received(monkeypatch):
    monkeypatch.setattr(interrupts, "_received", [])


def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_the_exit_status_is_that_of_the_first_signal(number):
    with held() as hold:
        assert not hold.asked
        send(number)
        send(signal.SIGINT)
        assert hold.asked
    assert exit_status() == 128 + number


def test_without_a_signal_the_exit_status_is_that_of_ctrl_c():
    assert exit_status() == 130


def test_a_second_signal_cuts_off_where_that_is_allowed():
    with held() as hold:
        with hold.cutting_off():
            send()
        send()
        with pytest.raises(Interrupted), hold.cutting_off():
            send()


def test_a_signal_is_raised_where_nothing_is_to_be_saved():
    with raising(), pytest.raises(KeyboardInterrupt):
        send()


def test_handlers_are_as_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with raising(), held():
        assert all(signal.getsignal(number) not in before for number in SIGNALS)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_is_started_undisturbed_leaves_the_handlers_and_never_sees_a_terminal_close():
    lives = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); print('lives')"
    with held() as hold:
        with undisturbed():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Ray does
            child = subprocess.run([sys.executable, "-c", lives], capture_output=True, text=True)
        send(signal.SIGTERM)
        assert hold.asked
    assert child.stdout == "lives\n"
