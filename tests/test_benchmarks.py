"""What benchmarks conclude from their measurements, and that they compare what they say."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import recipes
import record
import side_by_side
import stopping
import time_to_quality

from dipddpm import timing
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.randomness import generator


def test_a_ratio_is_the_median_of_the_ratios_within_a_turn():
    seconds = {"slow": [4.0, 8.0, 9.0], "fast": [2.0, 2.0, 1.0]}
    row = side_by_side.compare(seconds, "slow")["fast"]
    assert (row["n"], row["seconds"], row["speedup"]) == (3, 2.0, 4.0)
    assert (row["seconds_range"], row["speedup_range"]) == ([1.0, 2.0], [2.0, 9.0])


def test_all_take_their_turns_after_two_calls_that_are_not_timed():
    calls = []
    work = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = timing.interleaved(work, 2, torch.device("cpu"), calls=3)
    assert "".join(calls) == "aabb" + "aaabbb" * 2
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_the_time_to_a_quality_ends_at_the_first_evaluation_that_has_it():
    curve = [(10, 50.0), (20, 9.0), (30, 12.0), (40, 5.0)]
    assert time_to_quality.steps_to(curve, 9.5) == 20
    assert time_to_quality.steps_to(curve, 4.0) is None


def test_the_reports_recipe_has_its_parameters():
    model = recipes.OriginalDDPM(0, torch.device("cpu")).model
    table = sum(buffer.numel() for buffer in model.buffers())
    assert recipes.count_parameters(model) + table == 606_852


@pytest.mark.parametrize("name", ["original", "ours", "diffusers"])
def test_a_recording_goes_on_where_it_was_cut_off(tmp_path, name):
    images = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    def losses(recipe, steps):
        return [recipe.step(images) for _ in range(steps)]

    file = tmp_path / "curve.csv"
    whole = recipes.RECIPES[name](0, torch.device("cpu"))
    table = record.Table(file, ("step", "loss"))
    assert table.resume(whole) == 0
    losses(whole, 2)
    table.add({"step": 2, "loss": 0.5}, whole)
    expected = losses(whole, 2)

    again = recipes.RECIPES[name](1, torch.device("cpu"))
    assert record.Table(file, ("step", "loss")).resume(again) == 2
    assert losses(again, 2) == expected
    assert file.read_text().split() == ["step,loss", "2,0.5"]


def test_a_curve_whose_state_is_gone_is_not_overwritten(tmp_path):
    file = tmp_path / "curve.csv"
    file.write_text("step,loss\n100,0.1\n")
    with pytest.raises(SystemExit, match=r"curve\.csv holds a curve whose state curve\.state"):
        record.Table(file, ("step", "loss")).resume(recipes.Recipe())
    assert file.read_text() == "step,loss\n100,0.1\n"


def test_a_rule_stops_at_the_first_step_at_which_it_holds():
    holds = torch.tensor([[False, True, False], [False, False, False], [True, True, False]])
    assert stopping.first(holds).tolist() == [2, 0, 2]


@pytest.mark.parametrize("std", [0.2, 1.0])
def test_the_variance_of_clipped_noise_is_found_without_the_clean_images(std):
    clean = load_dataset("digits").train.images[:500]
    pairs = [corrupt(clean, std, generator(seed)) for seed in range(8)]
    true = float(torch.stack(pairs).var(dim=0).mean())
    assert stopping.noise_variance(pairs[0], std) == pytest.approx(true, rel=0.08)
