"""How a study ends that is not let finish: real processes, a real Ray, signals."""

import json
import os
import signal

import pytest
from support.killed_studies import check_complete, descendants, start, wait_for_rows, workers_of
from support.waiting import HANG_S


def ended(process):
    output, _ = process.communicate(timeout=HANG_S)
    assert "Traceback" not in output
    return process.returncode, output.splitlines()


def status_of(folder):
    return json.loads((folder / "study.json").read_text())["status"]


@pytest.mark.slow
def test_a_batch_systems_signal_to_all_processes_interrupts_a_study(tmp_path):
    """Ray's own processes get it too, and end before the driver has dealt with it."""
    folder = tmp_path / "study"
    process = start(folder)
    wait_for_rows(folder, 3, process)
    for pid in (process.pid, *descendants(process.pid)):
        os.kill(pid, signal.SIGTERM)
    status, lines = ended(process)
    assert status == 128 + signal.SIGTERM, lines
    assert status_of(folder) == "interrupted"
    assert not any("failed at round" in line for line in lines)
    assert "status finished" in ended(start(folder, round_s=0))[1]
    check_complete(folder)


@pytest.mark.slow
def test_a_worker_that_is_stopped_is_ended_and_its_trial_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_SILENT_S", "6")
    folder = tmp_path / "study"
    process = start(folder)
    wait_for_rows(folder, 2, process)
    (victim, *_) = workers_of(process.pid)
    os.kill(victim, signal.SIGSTOP)
    assert "status finished" in ended(process)[1]
    check_complete(folder)
    assert "its process gave no sign of life for 6 s" in (folder / "trials.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["raylet/raylet", "gcs_server"])
def test_a_driver_whose_ray_is_killed_ends_with_one_line(lost, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_LOST_S", "5")
    folder = tmp_path / "study"
    process = start(folder, 300)
    wait_for_rows(folder, 3, process)
    (victim,) = [p for p, n in descendants(process.pid).items() if f"{lost}\0" in n]
    os.kill(victim, signal.SIGKILL)
    status, lines = ended(process)
    assert status == 1
    assert len([line for line in lines if "trial" not in line]) == 1, lines
    assert status_of(folder) == "interrupted"
