"""The queue of trials, beside what Ray does with them."""

from types import SimpleNamespace

import pandas as pd
import pytest
from ray.tune.experiment import Trial
from support.toy_problem import TOY

from study.engine.samplers import FixedDesign, make_scheduler
from study.engine.trial_queue import TrialQueue, new_trial_id


@pytest.mark.parametrize(("failures", "again"), [(2, True), (3, False)])
def test_a_trial_that_ray_gave_up_too_early_is_tried_again(failures, again):
    """As it does with one whose worker died before the trial had begun there."""
    point = {"x": 1.0, "y": 0.5}
    scheduler = make_scheduler("asha", TOY, 1, 2)
    queue = TrialQueue(FixedDesign([point]), scheduler, [], 1, 1, TOY, 1)
    trial = SimpleNamespace(
        trial_id="a",
        evaluated_params=point,
        config={**point, "seed": 1},
        checkpoint=SimpleNamespace(path="results/toy/ray/a/checkpoint_000002"),
        last_result={"round": 3, "training_iteration": 3, "metrics": {"error": 0.5}},
        has_tries_left=again,
        run_metadata=SimpleNamespace(num_failures=failures),
    )
    queue._begun, queue._live["a"] = {"a"}, trial
    queue.on_trial_complete("a", error=True)
    assert queue.is_finished() is not again
    assert [(t.trial_id, t.checkpoint, t.seed) for t in queue._recovered] == (
        [("a", "checkpoint_000002", 1)] if again else []
    )


@pytest.mark.parametrize("number", ["21094416", "00000001", "12e45678", "1234567e"])
def test_no_trial_has_a_number_for_a_name(number, monkeypatch, tmp_path):
    """A table of one trial has a column of one such name."""
    names = iter([number, "1234567a"])
    monkeypatch.setattr(Trial, "generate_id", lambda: next(names))
    (table := tmp_path / "trials.csv").write_text(f"trial_id\n{(name := new_trial_id())}\n")
    assert pd.read_csv(table).trial_id.tolist() == [name]
