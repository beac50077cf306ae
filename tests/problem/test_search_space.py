"""A parameter is added in one table: the space, the results and the rerun command follow."""

import dataclasses
import json
import shlex

import pandas as pd
import pytest

from dipddpm import PRIORS, Prior
from dipddpm.__main__ import make_parser
from dipddpm.cli import run_config
from study.cluster.capacity import this_machine
from study.commands.search import main
from study.problem.definition import describe, original_setting
from study.problem.search_space import EXTENDED, SEARCHABLE, Searchable
from study.problem.settings import resolve
from study.spec.errors import SettingError


def settings(**given):
    return resolve(given, this_machine())


def names(**given):
    return [p.name for p in describe(settings(**given)).parameters]


def test_what_is_searched():
    assert names() == ["dip_lr", "ddpm_lr", "std"]
    assert names(std=(1.0, 1.0)) == names(regime="noisy") == ["dip_lr", "ddpm_lr"]
    assert names(prior="none") == ["ddpm_lr"]
    extended = ["batch_size", "width", "sampler_steps"]
    assert names(space="extended") == ["dip_lr", "ddpm_lr", "std", "dip_steps", *extended]
    assert names(space="extended", prior="none") == ["ddpm_lr", *extended]
    drawing = ["dip_lr", "ddpm_lr", "std", "sampler_steps", "start_step"]
    assert names(space="drawing") == drawing
    assert names(space="drawing", prior="none") == ["ddpm_lr", "sampler_steps"]


def test_where_drawing_is_searched_new_images_in_little_time_are_the_objectives():
    problem = describe(settings(space="drawing"))
    assert problem.objectives == problem.searched_objectives == ("fid_novel", "sample_time_s")
    with pytest.raises(SettingError, match="space is 'drawing'; expected original or extended"):
        settings(space="drawing", regime="noisy")


def test_the_originals_settings_draw_from_noise():
    """At the last step of all next to nothing of a start image is left."""
    resolved = settings(space="drawing", timesteps=400)
    assert {point["start_step"] for point in describe(resolved).start_points} == {400}
    given = settings(space="drawing", timesteps=400, start_step=100)
    assert {point["start_step"] for point in describe(given).start_points} == {100}


def test_a_flag_of_what_is_searched_says_where_the_search_starts():
    problem = describe(settings(space="extended", width=24, batch_size=64))
    width = next(p for p in problem.parameters if p.name == "width")
    assert (width.low, width.high) == (8, 48)
    assert {(point["width"], point["batch_size"]) for point in problem.start_points} == {(24, 64)}


def test_a_batch_is_never_larger_than_the_images_that_the_ddpm_learns_from():
    problem = describe(settings(space="extended", prior="dip", prior_size=64))
    assert next(p for p in problem.parameters if p.name == "batch_size").high == 64


def test_which_objectives_are_noise_follows_from_what_is_searched():
    assert describe(settings()).searched_objectives == ("fid",)
    both = ("fid", "time_per_iteration_s")
    assert describe(settings(space="extended")).searched_objectives == both


@pytest.mark.parametrize("space", ["original", "extended", "drawing"])
def test_the_originals_settings_come_first_and_lie_in_the_space(space):
    resolved = settings(space=space)
    problem = describe(resolved)
    first = problem.start_points[0]
    assert (first["dip_lr"], first["ddpm_lr"], first["std"]) == (1e-3, 5e-4, 1.0)
    assert len(problem.start_points) == 6
    assert first == {p.name: original_setting(resolved)[p.name] for p in problem.parameters}
    assert all(
        p.contains(point[p.name]) for point in problem.start_points for p in problem.parameters
    )


@pytest.mark.parametrize("preset", ["quick", "original"])
@pytest.mark.parametrize("timesteps", [3, 1000])
def test_every_corner_of_the_space_is_a_run(preset, timesteps):
    """Nothing is suggested that a run's own bounds refuse."""
    few = min(25, timesteps)
    given = {"preset": preset, "space": "extended", "timesteps": timesteps}
    resolved = settings(**given, **({} if timesteps == 1000 else {"sampler_steps": few}))
    for end in ("low", "high"):
        point = {p.name: getattr(p, end) for p in describe(resolved).parameters}
        dataclasses.replace(resolved.run, **point)


def test_what_is_no_field_of_a_run_is_refused_with_what_is_missing():
    with pytest.raises(ValueError, match="RunConfig has no field of this name; add the field to"):
        Searchable("momentum", "momentum", lambda run: (0.5, 0.9))
    with pytest.raises(ValueError, match="space wide; expected original or extended"):
        Searchable("eta", "noise of sampling", lambda run: (0.0, 1.0), spaces=("wide",))


def test_a_parameter_added_from_outside_is_searched_recorded_and_rerun(
    ray_local, tmp_path, monkeypatch
):
    added = Searchable(
        "ema_decay", "EMA decay", lambda run: (0.9, run.ema_decay), spaces=(EXTENDED,)
    )
    monkeypatch.setitem(SEARCHABLE, added.name, added)
    flags = (
        "--space",
        "extended",
        "--num-samples",
        "2",
        "--confirm-top",
        "0",
        "--sampler",
        "random",
    )
    size = ("--dataset", "digits", "--max-epochs", "1", "--train-size", "128", "--timesteps", "50")
    place = ("--name", "added", "--results-dir", str(tmp_path))
    assert main([*flags, *size, *place]) == 0
    trials = pd.read_csv(tmp_path / "added" / "trials.csv")
    assert trials.ema_decay.between(0.9, 0.995).all()
    assert trials.ema_decay[0] == 0.995  # the run's own, beside the original's setting
    best = json.loads((tmp_path / "added" / "best.json").read_text())
    _, *command = shlex.split(best["command"])
    config = run_config(make_parser().parse_args(command[3:]))
    assert config.ema_decay == best["parameters"]["ema_decay"]


def test_a_prior_from_outside_says_which_parameters_are_searched(monkeypatch):
    class Denoise(Prior):
        description = "images denoised by a filter of the noise's width"
        parameters = frozenset({"std"})

        def restore(self, images):
            return images

    monkeypatch.setitem(PRIORS, "denoise", Denoise)
    assert names(prior="denoise") == ["ddpm_lr", "std"]
    assert "dip_steps" not in names(space="extended", prior="denoise")
