"""Conditions: from settings to trials, and back from the trials of a study."""

import json

from support.planted_confirmations import confirmation
from support.planted_studies import ROWS, make_study

from study.analysis.conditions import conditions_of, fixed_design, judged_with, trials_with
from study.results.records import load_study


def test_trials_are_found_by_the_parameters_of_their_condition():
    found = conditions_of(confirmation(0.5, 10.0, seeds=5, failed=[3]))
    assert {name: sorted(condition.trials) for name, condition in found.items()} == {
        "the treated": [0, 1, 2, 4],
        "bare": [0, 1, 2, 3, 4],
    }
    assert found["bare"].parameters == {"treated": "no"}


def test_what_was_judged_is_told_from_a_baseline_with_the_same_setting():
    record = confirmation(0.5, 10.0)
    record.info["conditions"] = dict(reversed(record.info["conditions"].items()))
    assert judged_with(record, {}).name == "the treated"  # all but the treatment is shared
    assert judged_with(record, {"treated": "twice"}) is None


def test_values_come_in_the_order_of_the_seeds():
    condition = conditions_of(confirmation(0.5, 10.0))["bare"]
    values = condition.values("error", [3, 0])
    assert values == [condition.trials[seed].metrics["error"] for seed in (3, 0)]


def test_a_design_runs_all_conditions_seed_by_seed():
    """Each seed has an order of its own, the same whenever the design is made."""
    design = fixed_design([{"a": "x"}, {"a": "y"}, {"a": "z"}], range(1, 9))
    assert design == fixed_design([{"a": "x"}, {"a": "y"}, {"a": "z"}], range(1, 9))
    rounds = [design[i : i + 3] for i in range(0, 24, 3)]
    assert [{point["seed"] for point in each} for each in rounds] == [{s} for s in range(1, 9)]
    assert all({point["a"] for point in each} == {"x", "y", "z"} for each in rounds)
    assert len({each[0]["a"] for each in rounds}) == 3


def test_a_design_that_grows_keeps_what_has_been_run(tmp_path):
    there, new = {"x": 1.0, "y": 0.25}, {"x": 2.0, "y": 0.25}
    assert trials_with(tmp_path / "none", [there, new]) == 2
    study = make_study(tmp_path, ROWS)
    assert trials_with(study.folder, [there]) == len(ROWS)
    assert trials_with(study.folder, [there, new]) == len(ROWS) + 1


def test_a_confirmation_of_version_0_1_is_read(tmp_path):
    """It called conditions arms, and named nothing but their parameters."""
    study = make_study(tmp_path, ROWS)
    file = study.folder / "study.json"
    info = json.loads(file.read_text())
    file.write_text(json.dumps({**info, "arms": {"the best": {"x": 1.0}}}))
    (condition,) = conditions_of(load_study(study.folder)).values()
    assert (condition.name, condition.parameters) == ("the best", {"x": 1.0})
