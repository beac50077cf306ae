"""The verdict as data, and the seeds that it asks for."""

import dataclasses
import json

from support.planted_confirmations import confirmation

from study.analysis.verdict import seeds_wanted, verdict_of
from study.results.files import write_json


def test_open_comparisons_ask_for_the_next_look_and_decided_ones_for_none():
    assert seeds_wanted(confirmation(0.8, 20.0, seeds=4), 16) == {"the treated": 4, "bare": 4}
    unclear = confirmation(1.0, 10.0, seeds=4, noise=0.5)
    assert seeds_wanted(unclear, 16) == {"the treated": 6, "bare": 6}
    assert seeds_wanted(confirmation(1.0, 10.0, seeds=5, noise=0.5), 16)["bare"] == 6
    assert seeds_wanted(confirmation(1.0, 10.0, seeds=16, noise=0.5), 16)["bare"] == 16
    assert seeds_wanted(confirmation(1.0, 10.0, seeds=16, noise=0.5), 24)["bare"] == 24
    assert seeds_wanted(confirmation(1.0, 10.0, seeds=16, noise=0.5), 20)["bare"] == 16


def test_conditions_that_do_not_lead_have_no_more_than_two_looks():
    record = confirmation(1.0, 10.0, seeds=16, noise=0.5)
    both = [("other", "yes"), ("other bare", "no")]
    conditions = {name: {"parameters": {"treated": value, "kind": 1}} for name, value in both}
    for about in record.info["conditions"].values():
        about["parameters"]["kind"] = 0
    record.info["conditions"] |= conditions
    record.info["pairs"].append(["other", "other bare"])
    trials = [
        dataclasses.replace(trial, parameters={**trial.parameters, "kind": kind})
        for trial in record.trials
        for kind in (0, 1)
        if kind == 0 or trial.parameters["seed"] < 4
    ]
    wanted = seeds_wanted(dataclasses.replace(record, trials=tuple(trials)), 16)
    assert wanted == {"the treated": 16, "bare": 16, "other": 6, "other bare": 6}


def test_a_confirmation_that_was_cut_off_goes_on_to_its_look():
    assert seeds_wanted(confirmation(1.0, 10.0, seeds=2), 16) == {"the treated": 4, "bare": 4}


def test_the_file_has_every_comparison_with_all_that_it_rests_on(tmp_path):
    verdict = verdict_of(confirmation(0.8, 20.0, seeds=6, failed=[5]))
    write_json(tmp_path / "verdict.json", verdict.to_json())
    read = json.loads((tmp_path / "verdict.json").read_text())
    assert (read["schema"], read["treatment"], read["error"]) == (1, "the cure", 0.05)
    assert (read["chosen_by"], read["judged_by"]) == ("error", "error")
    assert read["looks"] == [4, 6, 9, 12, 16]
    (pair,) = read["pairs"]
    assert pair["are_twins"]
    assert [c["metric"] for c in pair["others"]] == ["work_s"]
    assert set(pair["quality"]) == {
        *("condition", "baseline", "metric", "seeds", "failed", "baseline_failed", "effect"),
        *("confidence", "margin", "direction", "size"),
    }
    assert pair["failures"]["failed"] == [5]
