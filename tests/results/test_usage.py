"""Hours that trials hold GPUs or cores."""

import json

import pytest
from support.toy_problem import TOY

from study.results.folder import CONFIRM_FOLDER
from study.results.usage import amount, held_s, hours, hours_of_study, hours_used, unit_of


def write(folder, rows, **plan):
    folder.mkdir()
    info = {"settings": {"plan": plan}, "status": "finished", "name": folder.name}
    info["problem"] = TOY.to_json()
    (folder / "study.json").write_text(json.dumps(info))
    (folder / "trials.csv").write_text("trial_id,started_s,ended_s,held_s\n" + "".join(rows))


def test_gpus_are_counted_where_trials_have_them_and_else_cores():
    assert (hours(7200, 4, 0.5), unit_of(0.5)) == (1, "GPU hours")
    assert (hours(7200, 4, 0), unit_of(0)) == (8, "core hours")


def test_hours_in_words():
    assert amount(0.123, 1, None) == "0.12 GPU hours"
    assert amount(1234.5, 0, 0.02) == "1234 core hours (price 24.69)"


def test_a_trial_of_an_earlier_version_counts_from_begin_to_end():
    rows = [
        {"started_s": 10.0, "ended_s": 500.0, "held_s": 20.0},  # it was tried again much later
        {"started_s": 10.0, "ended_s": 40.0},
        {"started_s": 10.0},  # it has not ended, and nothing is known of it
    ]
    assert held_s(rows) == 50


def test_each_part_of_a_study_counts_by_what_its_own_trials_have(tmp_path):
    study = tmp_path / "study"
    assert hours_used(study) == 0
    write(study, ["a,0,3600,3600\n"], cpus_per_trial=1, gpus_per_trial=0.25)
    assert hours_of_study(study) == 0.25
    write(study / CONFIRM_FOLDER, ["b,0,9,1800\n"], cpus_per_trial=1, gpus_per_trial=1)
    assert hours_of_study(study) == pytest.approx(0.75)
