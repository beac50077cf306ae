"""What benchmarks conclude from their measurements, and that they compare what they say."""

import json
import math
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import crossing_map
import gpu
import pareto
import recipes
import record
import side_by_side
import speedrun
import stopping
import time_to_quality
import verdicts

from dipddpm import timing
from dipddpm.config import preset
from dipddpm.corruption import corrupt
from dipddpm.data import load_dataset
from dipddpm.prior_stage import observe
from dipddpm.randomness import generator
from dipddpm.training import schedule_of


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


def test_what_there_is_no_time_for_on_a_gpu_is_named():
    plan = gpu.Plan(preset("original", dataset="digits", **gpu.TINY))
    result = gpu.measure(plan, torch.device("cpu"), limit_s=-1.0)
    assert result["left_out"] == dict.fromkeys(gpu.PARTS, "not begun")


def test_a_whole_trial_says_how_far_it_came(tiny):
    with pytest.raises(gpu.OutOfTimeError, match="dip 1 of 4"):
        gpu.whole_trial(gpu.Plan(tiny), torch.device("cpu"), deadline=0.0)


def test_a_curve_that_is_cut_off_keeps_what_it_has(tiny):
    result = gpu.time_to_quality(gpu.Plan(tiny, curve_s=0.0), torch.device("cpu"), deadline=1e9)
    assert result["curve"] == []
    assert set(result["train_s_to_fid"].values()) == {None}


@pytest.mark.slow
def test_all_figures_of_a_gpu_come_in_one_json_object():
    command = [sys.executable, gpu.__file__, "--smoke"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(run.stdout)
    assert result["left_out"] == {}
    assert set(result["throughput"]) == {"32", "64"}
    assert result["whole_trial"]["epochs"] == len(result["time_to_quality"]["curve"]) == 2
    assert set(result["packing"]["images_per_s"]) == {"1", "2"}


def test_a_record_has_ten_seeds_that_are_surely_below_the_target():
    spread = torch.linspace(-0.3, 0.3, 10)
    assert speedrun.counts((4.5 + spread).tolist())
    assert not speedrun.counts((4.5 + spread).tolist()[:9])
    assert not speedrun.counts((4.9 + spread).tolist())
    assert not speedrun.counts([*(4.5 + spread).tolist(), float("nan")])
    assert speedrun.p_value([1.0]) == 1.0


def test_the_learning_rate_rises_at_first_and_ends_at_nothing():
    rates = [speedrun.learning_rate(step, 100, 2.0) for step in range(100)]
    assert rates[0] < rates[speedrun.WARM_UP - 1] > rates[50] > rates[-1] > 0
    assert rates[50] == 1.0


def test_a_speedrun_draws_all_its_images_and_depends_on_its_seed_alone(tiny):
    images = torch.randn(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first, seconds = speedrun.run(tiny, 5, images, 510)  # five steps are more than an epoch
    again, _ = speedrun.run(tiny, 5, images, 510)
    assert first.shape == (510, 1, 8, 8)
    assert torch.equal(first, again)
    assert seconds["seconds"] == pytest.approx(seconds["train_s"] + seconds["sample_s"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--record", "--seeds", "9"], "--seeds is 9; expected at least 10 with --record"),
        (["--steps", "0"], "--steps is 0; expected at least 1"),
        (["--width", "12"], "width is 12; expected a multiple of 8"),
    ],
)
def test_bad_settings_of_a_speedrun_end_it_in_one_line(flags, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["speedrun.py", "--data-dir", "nowhere", *flags])
    with pytest.raises(SystemExit, match="2"):
        speedrun.main()
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
@pytest.mark.parametrize("deviation", [0.3, 1.0])
def test_a_ddpm_tells_how_noisy_images_are(prediction, deviation):
    """One that knows that the image is grey takes all else for noise, and no other level fits."""
    config = preset("quick", prediction=prediction)
    schedule = schedule_of(config, "cpu")

    class KnowsTheImage(torch.nn.Module):
        def forward(self, x, t):
            eps = x / schedule.noise[int(t[0])]
            return schedule.signal[int(t[0])] * eps if prediction == "v" else eps

    trained = types.SimpleNamespace(ema=KnowsTheImage())
    run = types.SimpleNamespace(config=config, trainer=trained)
    noise = torch.randn(64, 1, 8, 8, generator=generator(0, "noise"))
    found = crossing_map.noise_found(run, deviation * noise)
    assert found == pytest.approx(deviation, rel=0.1)


def test_a_dip_ends_where_the_ddpm_sees_the_noise_begin(monkeypatch):
    """The nearer to the noisy images it may come, the longer it goes on."""
    clean = load_dataset("digits").start.images[:4]
    config = preset("quick", dataset="digits", prior="dip", regime="noisy", dip_steps=60, std=0.5)

    def restored(level):
        monkeypatch.setattr(crossing_map, "noise_found", lambda run, images: level)
        return crossing_map.stopped_by_ddpm(None, config, clean)

    at_once, late, at_the_end = (restored(level) for level in (math.inf, 0.8, 0.0))
    noisy = observe(clean, config, "start")
    far = [float((images - noisy).square().mean()) for images in (at_once, late, at_the_end)]
    assert far[0] > far[1] > far[2]


def test_a_rule_stops_at_the_first_step_at_which_it_holds():
    holds = torch.tensor([[False, True, False], [False, False, False], [True, True, False]])
    assert stopping.first(holds).tolist() == [2, 0, 2]


@pytest.mark.parametrize("std", [0.2, 1.0])
def test_the_variance_of_clipped_noise_is_found_without_the_clean_images(std):
    clean = load_dataset("digits").train.images[:500]
    pairs = [corrupt(clean, std, generator(seed)) for seed in range(8)]
    true = float(torch.stack(pairs).var(dim=0).mean())
    assert stopping.noise_variance(pairs[0], std) == pytest.approx(true, rel=0.08)


def test_recorded_noise_varies_as_the_recorded_runs_do():
    lead, original = groups = verdicts.recorded_groups()
    leading, others = (tuple(dict.fromkeys(name for name, _ in g[0])) for g in (lead, original))
    assert leading == (verdicts.BASELINE, verdicts.BEST, verdicts.TWIN)
    assert others == (verdicts.ORIGINAL, verdicts.ORIGINAL_TWIN)
    rng = np.random.default_rng(0)
    drawn = [verdicts.recorded_noise(groups, rng) for _ in range(3000)]
    for names, table in groups:
        values = np.array([[each[name] for name in names] for each in drawn])
        assert values.mean(0) == pytest.approx(0, abs=0.01)
        recorded = table.T @ table / len(table)
        assert np.cov(values.T) == pytest.approx(recorded, abs=0.1 * recorded.max())


def test_a_simulated_confirmation_adds_seeds_as_its_verdicts_ask_for_them():
    def runs(deviation, effect):
        def noise(rng):
            return verdicts.normal_noise(deviation, rng)

        record = verdicts.confirmation(np.random.default_rng(0), noise, effect)
        return [len(c.trials) for c in verdicts.conditions_of(record).values()]

    clear = runs(0.001, 1.0)
    assert clear[:3] == [4, 4, 4]
    assert max(clear) <= 6
    unclear = runs(0.3, 0.0)
    assert max(unclear) == 16
    assert unclear[-2:] == [6, 6]


def test_all_kinds_of_simulated_verdicts_are_counted():
    found = verdicts.summary(verdicts.count(lambda rng: verdicts.normal_noise(0.02, rng), 4, [0]))
    assert found["right_direction"]["share"] == 1
    assert found["contradictions"]["share"] == 0
    assert found["false_verdicts"]["low"] <= found["false_verdicts"]["share"]
    assert 20 <= found["runs_without_effect"]["median"] <= 60


def test_the_hypervolume_is_the_share_that_a_brute_force_count_finds():
    """Both scales are logarithmic; a point outside of the plane counts as one at its edge."""
    times = (0.2, 1.6)
    points = [(4.0, 0.8), (10.0, 0.3), (20.0, 0.5), (30.0, 0.1), (70.0, 0.2)]
    fids = np.geomspace(pareto.FLOOR_FID, pareto.NOISE_FID, 500)
    seconds = np.geomspace(*times, 500)
    dominated = np.zeros((500, 500), dtype=bool)
    for fid, time in points:
        dominated |= (fids[:, None] >= fid) & (seconds[None] >= time)
    assert pareto.hypervolume(points, times) == pytest.approx(dominated.mean(), abs=0.005)
    assert pareto.hypervolume([], times) == 0
    assert pareto.hypervolume([(1.0, 0.1)], times) == 1


def test_recorded_curves_of_the_extended_space_have_dearer_and_cheaper_epochs():
    curves = pareto.ExtendedCurves(pareto.study(pareto.STUDY)[0])
    point = {p.name: p.low for p in curves.problem.parameters}
    assert curves.true_seconds(point | {"width": 32}) > 1.5 * curves.true_seconds(point)
    seen = curves.epoch_seconds(point)
    assert seen == curves.epoch_seconds(point) != curves.true_seconds(point)
