"""The verdict as data, and the seeds that it asks for."""

import dataclasses
import json

import pytest
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
    assert (read["schema"], read["treatment"], read["error"]) == (2, "the cure", 0.05)
    assert (read["chosen_by"], read["judged_by"]) == ("error", ["error"])
    assert read["looks"] == [4, 6, 9, 12, 16]
    (pair,) = read["pairs"]
    assert pair["are_twins"]
    assert [c["metric"] for c in pair["others"]] == ["work_s"]
    (judgement,) = pair["judgements"]
    assert judgement["metric"] == "error"
    assert (
        set(judgement["quality"])
        == set(judgement["at_equal_time"])
        == {
            *("condition", "baseline", "metric", "seeds", "failed", "baseline_failed", "effect"),
            *("confidence", "margin", "direction", "size"),
        }
    )
    assert pair["failures"]["failed"] == [5]


def test_a_second_measure_of_quality_is_judged_beside_the_first():
    """The treated has less error and does more harm."""
    verdict = verdict_of(confirmation(0.8, 10.0, harm=1.3))
    assert verdict.judged_by == ("error", "harm")
    first, second = verdict.pairs[0].judgements
    assert (first.quality.metric, first.quality.direction) == ("error", "lower")
    assert (second.quality.metric, second.quality.direction) == ("harm", "higher")
    assert second.at_equal_time.metric == "harm at equal time"
    assert second.at_equal_time.effect.ratio == pytest.approx(1.3, rel=0.02)


def test_a_second_measure_makes_do_with_the_seeds_that_the_first_takes():
    unclear = confirmation(0.8, 10.0, seeds=4, harm=1.0, harm_noise=0.5)
    assert seeds_wanted(unclear, 16) == {"the treated": 4, "bare": 4}
    (pair,) = verdict_of(unclear).pairs
    assert [judgement.is_decided for judgement in pair.judgements] == [True, False]
