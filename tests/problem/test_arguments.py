"""The flags of a study are fields: each with its default, and every field of a run has one."""

import dataclasses
import json
import shlex

import pytest

from dipddpm.config import PRESETS, RunConfig
from study.cluster.capacity import this_machine
from study.commands.reproduce import make_parser as reproduce_parser
from study.problem.arguments import (
    FLAGS,
    INTERVALS,
    MACHINE,
    PLACES,
    SET_BY_STUDY,
    Arguments,
    make_parser,
)
from study.problem.definition import describe
from study.problem.earlier import difference, read_earlier, remembered
from study.problem.metrics import METRICS, OF_NOISY_REGIME
from study.problem.settings import resolve
from study.results.folder import valid_name

FIELDS = [field.name for field in dataclasses.fields(RunConfig)]


def parse(*flags):
    return vars(make_parser().parse_args(flags))


def resolved(*flags):
    return resolve(parse(*flags), this_machine())


def test_a_flag_that_is_not_given_is_absent():
    assert parse() == {}
    assert resolved().plan.num_samples == Arguments.num_samples == 30


def test_every_field_of_a_run_has_a_flag_unless_the_study_sets_it():
    flags = make_parser()._option_string_actions
    for name in FIELDS:
        flag = f"--{FLAGS.get(name, name).replace('_', '-')}"
        assert (flag in flags) == (name not in SET_BY_STUDY), flag
    assert "--epochs" not in flags


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (("--width", "24"), "width", 24),
        (("--sampler-steps", "50"), "sampler_steps", 50),
        (("--start-step", "250"), "start_step", 250),
        (("--eta", "0.5"), "eta", 0.5),
        (("--max-epochs", "7"), "epochs", 7),
        (("--prediction", "v"), "prediction", "v"),
        (("--denoiser", "report"), "denoiser", "original"),  # its name in version 0.1
        (("--std", "0.4", "0.4"), "std", 0.4),
        (("--seed", "3"), "seed", 3),
    ],
)
def test_a_flag_sets_the_field_of_every_trial(flags, name, value):
    assert getattr(resolved(*flags).run, name) == value


def test_intervals_have_flags_of_two_values():
    settings = resolved("--dip-lr", "1e-4", "1e-2")
    assert settings.intervals == {
        "dip_lr": (1e-4, 1e-2),
        "ddpm_lr": (1e-4, 1e-2),
        "std": (0.1, 1.5),
    }
    assert settings.to_json()["dip_lr"] == (1e-4, 1e-2)  # a key of its own in study.json
    assert resolved("--regime", "noisy").intervals["std"] == (0.5, 0.5)


@pytest.mark.parametrize("name", ["report", "original"])
def test_the_original_by_its_name_of_version_0_1(name):
    settings = resolved("--preset", name, "--space", name)
    assert (settings.preset, settings.space, settings.run.epochs) == ("original", "original", 20)


def test_the_first_rung_follows_from_the_epochs():
    assert resolved("--max-epochs", "90").plan.grace_period == 23
    assert resolved("--max-epochs", "2").plan.grace_period == 1
    assert resolved("--max-epochs", "90", "--grace-period", "5").plan.grace_period == 5
    assert "(default: a quarter of --max-epochs)" in " ".join(make_parser().format_help().split())


def test_a_smoke_test_is_tiny_but_for_what_is_asked_and_says_what_it_is():
    settings = resolved("--smoke-test", "--num-samples", "5", "--preset", "original")
    run = settings.run
    assert (run.dataset, run.epochs, run.train_size, run.timesteps) == ("digits", 2, 200, 1000)
    assert (settings.plan.num_samples, settings.confirm_seeds) == (5, 2)
    assert describe(settings).title.endswith("(a smoke test: its figures mean nothing)")


@pytest.mark.parametrize(
    ("flags", "rungs", "evaluations"),
    [
        ((), (23,), 2),  # and the end
        (("--scheduler", "none"), (), 1),
        (("--grace-period", "8", "--reduction-factor", "1.5"), (8, 12, 18, 27, 41, 61), 7),
        (("--eval-every", "20"), (23,), 6),  # 20, 40, 60, 80 beside them
        (("--objectives", "fid,time_to_quality_s"), (23,), 10),
    ],
)
def test_a_trial_is_evaluated_where_that_decides_and_where_it_was_asked_for(
    flags, rungs, evaluations
):
    settings = resolved("--max-epochs", "90", *flags)
    assert settings.rungs == rungs
    assert settings.evaluations(90) == evaluations
    assert settings.evaluations(9) == sum(rung < 10 for rung in rungs)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS if metric.goal])
def test_every_metric_of_which_one_end_is_better_can_be_an_objective(name):
    regime = ["--regime", "noisy"] if name in OF_NOISY_REGIME else []
    settings = resolved("--objectives", name, *regime)
    assert settings.objectives == (name,)
    assert describe(settings).directions in (["min"], ["max"])
    assert name in make_parser().format_help()


def test_a_folder_of_images_of_any_name_gives_a_valid_name_and_a_command(tmp_path):
    folder = tmp_path / "{std} [b]my? 50% images#"
    folder.mkdir()
    settings = resolved("--dataset", str(folder))
    assert valid_name(settings.plan.name)
    command = describe(settings).rerun_command(
        {"dip_lr": 0.1, "ddpm_lr": 0.2, "std": 0.3, "seed": 0}
    )
    words = shlex.split(command)
    assert words[words.index("--dataset") + 1] == "PATH/TO/{std} [b]my? 50% images#"
    assert words[words.index("--std") + 1] == "0.3"
    assert str(tmp_path) not in command


@pytest.mark.parametrize("make", [make_parser, reproduce_parser])
def test_the_help_fits_a_terminal_and_names_every_default(make, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = make().format_help()
    assert max(map(len, text.splitlines())) <= 80
    plain = " ".join(text.split())
    for default in ("(default: quick)", "(default: results)", "(default: as many as fit)"):
        assert default in plain
    assert "(default: 100; preset original: 3500; preset compact: 3500)" in plain


def test_defaults_in_the_help():
    plain = " ".join(make_parser().format_help().split())
    for default in (
        "(default: 30)",
        "(default: a quarter of --max-epochs)",
        "(default: 0.1 1.5; regime noisy: 0.5 0.5)",
        f"(default: 4; digits: 12; a folder: 36; preset original: {PRESETS['original']['epochs']}; "
        f"preset compact: {PRESETS['compact']['epochs']})",
    ):
        assert default in plain
    reproduce = " ".join(reproduce_parser().format_help().split())
    assert "(default: 18; preset original or compact: 20)" in reproduce
    assert "--seeds N" in reproduce


def test_what_is_remembered_is_all_that_says_what():
    flags = ("--width", "24", "--sampler", "tpe", "--cpus-per-trial", "2", "--std", "0.1", "1")
    given = parse(*flags, "--name", "x", "--num-samples", "3", "--time-budget", "9")
    expected = {"width": 24, "sampler": "tpe", "cpus_per_trial": 2.0, "std": [0.1, 1.0]}
    assert remembered(given) == expected
    fields = {*FIELDS, *(field.name for field in dataclasses.fields(Arguments))}
    assert set(PLACES) <= fields
    assert {"cpus_per_trial", "gpus_per_trial", "max_concurrent"} == set(MACHINE) - set(PLACES)
    assert set(INTERVALS) <= set(FIELDS)


def test_what_may_not_change_when_a_study_is_resumed():
    before = json.loads(json.dumps(resolved().to_json()))
    assert difference(before, resolved().to_json()) is None
    free = ("--num-samples", "60", "--sampler", "tpe", "--grace-period", "2", "--time-budget", "9")
    assert difference(before, resolved(*free).to_json()) is None
    assert difference(before, resolved("--width", "24").to_json()) == ("width", 16, 24)
    assert difference(before, resolved("--std", "0.05", "2").to_json()) is None  # it is wider
    assert difference(before, resolved("--std", "0.4", "0.4").to_json()) == ("std", 1.0, 0.4)
    del before["run"]["value_range"]  # a study that began before the field was there
    assert difference(before, resolved().to_json()) is None
    changed = resolved("--value-range", "unit").to_json()
    assert difference(before, changed) == ("value_range", "symmetric", "unit")


def test_flags_that_version_0_1_remembered():
    info = {"settings": {"run": {}}, "arguments": {"max_epochs": 2, "preset": "report"}}
    assert read_earlier(info)["arguments"] == {"epochs": 2, "preset": "original"}
