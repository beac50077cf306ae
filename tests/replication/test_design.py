"""The conditions: as published, and controlled ones that differ in one thing alone."""

import dataclasses
import itertools

import pytest

from dipddpm.config import RunConfig
from dipddpm.pipeline import dataset_of
from dipddpm.training import steps_per_epoch
from study.cluster.capacity import this_machine
from study.replication.condition_names import (
    ALONE,
    ALONE_LR,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    COMBINED_LR,
    COMBINED_RAW,
    CONTROLLED,
    DIP_ALONE,
    MIXED,
    NOISE_RESTORED,
    NOISED,
    NOISY_ALONE,
    NOISY_COMBINED,
    OWN_LEVEL,
    PRIOR_SETS,
    as_reported_name,
    setting_name,
)
from study.replication.condition_plans import plans_of
from study.replication.design import describe, local_folder_of, points_of, resolve_design
from study.replication.suspects import WITHOUT_PRIOR
from study.spec.errors import SettingError


def settings(**given):
    return resolve_design(given, this_machine())


def difference(a: RunConfig, b: RunConfig) -> set[str]:
    one, other = dataclasses.asdict(a), dataclasses.asdict(b)
    return {name for name in one if one[name] != other[name]}


@pytest.fixture(scope="module")
def mnist():
    return plans_of(settings(preset="original", train_size=6016, dip_steps=350).run)


def test_as_reported(mnist):
    alone = mnist[as_reported_name(ALONE)].config
    assert (alone.prior, alone.loader, alone.value_range) == ("none", "per-image", "symmetric")
    assert (alone.ddpm_lr, alone.denoiser, alone.schedule) == (1e-3, "original", "linear")
    combined = mnist[as_reported_name(setting_name(1e-3, 5e-4, 1.0))]
    run = combined.config
    assert (run.prior, run.loader, run.value_range) == ("restorer", "tensor-dataset", "unit")
    assert run.prior_output == "raw"
    dip = mnist[as_reported_name(DIP_ALONE)].config
    assert (dip.std, dip.dip_lr, dip.dip_steps, dip.dip_batch_size) == (2.0, 5e-4, 350, 128)
    assert (run.restorer, run.dip_noise, run.dip_width, run.dip_steps) == (
        "original",
        "once",
        64,
        350,
    )
    assert (run.dip_batch_size, run.batch_size, run.epochs) == (128, 128, 20)
    assert (run.sampler_steps, run.variance, run.output_range) == (1000, "beta", "rescale")
    assert run.sampling_weights == "best-epoch"
    assert combined.published.per_iteration_s == 15.49
    reported = [plan.config for plan in mnist.values() if plan.kind == "as reported"]
    lrs = {(run.dip_lr, run.ddpm_lr, run.std) for run in reported[2:]}
    assert lrs == {
        *((1e-3, 5e-4, std) for std in (0.8, 1.0, 1.2)),
        *((lr, 1e-3, 1.2) for lr in (5e-4, 1e-3, 2e-3, 5e-3)),  # with the missing middle
    }


def test_each_controlled_comparison_changes_one_thing(mnist):
    def between(a, b):
        return difference(mnist[a].config, mnist[b].config)

    assert between(COMBINED, ALONE) == {"prior"}
    assert between(NOISY_COMBINED, NOISY_ALONE) == {"prior"}
    assert between(NOISY_ALONE, ALONE) == {"regime", "std"}
    assert between(f"{COMBINED}, std 0.8", COMBINED) == {"std"}
    assert between(f"{COMBINED}, std 1.2, dip_lr 0.005", f"{COMBINED}, std 1.2") == {"dip_lr"}
    assert between(ALONE_UNIT, ALONE) == {"value_range"}
    assert between(ALONE_NORM, ALONE) == {"denoiser"}
    assert between(ALONE_LR, ALONE) == between(COMBINED_LR, COMBINED) == {"ddpm_lr"}
    assert between(COMBINED_RAW, COMBINED) == {"prior_output"}
    controlled = [plan.config for plan in mnist.values() if plan.kind == CONTROLLED]
    for shared in ("loader", "score_split", "epochs", "eval_every"):
        assert len({getattr(run, shared) for run in controlled}) == 1
    reported = mnist[as_reported_name(ALONE)].config
    for shared in ("prediction", "schedule", "timesteps"):  # the diffusion is the original's
        assert {getattr(run, shared) for run in controlled} == {getattr(reported, shared)}


def test_suspects_of_grey_digits_are_crossed(mnist):
    """All eight combinations of range, normalised input and learning rate, without a prior."""
    crossed = [mnist[name].config for name in WITHOUT_PRIOR.values()]
    values = {(run.value_range, run.denoiser, run.ddpm_lr) for run in crossed}
    assert values == set(
        itertools.product(("symmetric", "unit"), ("unet", "unet-input-norm"), (1e-3, 5e-4))
    )
    assert {run.prior for run in crossed} == {"none"}


def test_prior_sets_differ_by_std_or_by_dip_steps(mnist):
    runs = [mnist[name].config for name in PRIOR_SETS]
    assert {(run.std, run.dip_steps) for run in runs} == {
        *((std, 350) for std in (0.4, 0.8, 1.0, 1.2)),
        *((1.0, steps) for steps in (35, 116)),
    }


def test_variants_change_how_samples_start_or_what_dip_undoes(mnist):
    """All draw by ten reverse steps."""

    def between(a, b):
        return difference(mnist[a].config, mnist[b].config)

    assert between(NOISED, COMBINED) == {"start_step", "sampler_steps"}
    assert between(MIXED, COMBINED) == {"start_weight", "sampler_steps"}
    assert between(NOISE_RESTORED, NOISED) == {"start_images"}
    assert between(OWN_LEVEL, NOISED) == {"dip_step"}
    start = mnist[NOISED].config
    assert start.sampler_steps * start.start_step / start.timesteps == 10
    assert mnist[MIXED].config.sampler_steps == 10


def test_the_first_setting_has_a_twin_without_dip(mnist):
    """Both are scored along the way: is it the prior, or too little training?"""
    first = as_reported_name(setting_name(1e-3, 5e-4, 1.0))
    assert difference(mnist[f"{first}, without DIP"].config, mnist[first].config) == {"prior"}
    assert mnist[first].config.eval_every == 4


def test_what_is_inferred_of_the_combined_run_has_its_alternatives(mnist):
    first = as_reported_name(setting_name(1e-3, 5e-4, 1.0))
    scaled, clipped = mnist[f"{first}, scaled to [-1, 1]"], mnist[f"{first}, clipped"]
    assert difference(scaled.config, mnist[first].config) == {"value_range"}
    assert difference(clipped.config, mnist[first].config) == {"prior_output"}
    assert scaled.published.per_iteration_s is None


def test_at_full_scale_an_epoch_has_the_originals_469_batches(mnist_dir):
    """The restored set's in order, and 55,000 of its images are all that is ours to learn from."""
    run = settings(preset="original", data_dir=str(mnist_dir)).run
    reported = plans_of(run)[as_reported_name(setting_name(1e-3, 5e-4, 1.0))].config
    images = len(dataset_of(reported).train)
    assert (images, steps_per_epoch(reported, images)) == (60_000, 469)
    controlled = plans_of(run)[COMBINED].config
    assert steps_per_epoch(controlled, len(dataset_of(controlled).train)) == 429


def test_a_stand_in_where_the_originals_denoiser_does_not_fit(mnist):
    plans = plans_of(settings().run).values()
    denoisers = {plan.config.denoiser for plan in plans if plan.kind == "as reported"}
    assert denoisers == {"unet-input-norm"}
    assert mnist[ALONE_NORM].config.denoiser == "unet-input-norm"


def test_one_seed_as_reported_and_others_for_the_controlled_conditions():
    resolved = settings(seed=7, confirm_seeds=3)
    plans, seeds = plans_of(resolved.run), {}
    for point in points_of(resolved):
        seeds.setdefault(plans[point["condition"]].kind, set()).add(point["seed"])
    assert seeds == {"as reported": {7}, "controlled": {8, 9, 10}}
    assert resolved.plan.num_samples == len(points_of(resolved))


def test_every_run_can_be_typed_again():
    problem = describe(settings())
    first = as_reported_name(setting_name(1e-3, 5e-4, 1.0))
    (point,) = (point for point in problem.start_points if point["condition"] == first)
    command = problem.rerun_command(dict(point))
    assert "python -m dipddpm run --preset quick" in command
    assert "--value-range unit" in command
    assert command.endswith("--device cpu --seed 0")


def test_a_run_under_way_is_kept_by_its_settings(tmp_path):
    run = RunConfig(dataset="mnist")
    here = local_folder_of(tmp_path, run, 1)
    assert local_folder_of(tmp_path, dataclasses.replace(run, data_dir="elsewhere"), 1) == here
    assert local_folder_of(tmp_path, dataclasses.replace(run, std=0.8), 1) != here
    assert local_folder_of(tmp_path, run, 2) != here


def test_fewer_images_than_a_batch_of_the_originals():
    with pytest.raises(SettingError, match="train_size is 100; expected at least 128"):
        settings(train_size=100)
