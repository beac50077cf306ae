"""The whole run: what it records, that it repeats, that it continues exactly."""

import dataclasses
import json
import math

import pytest
import torch
from safetensors import safe_open

from dipddpm.config import RunConfig, preset
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.images import contact_sheet
from dipddpm.pipeline import STATE_FILE, Record, Run

TIMES = {f.name for f in dataclasses.fields(Record) if f.name.endswith("_s")}


def untimed(record: Record) -> dict:
    """All that must not depend on the clock."""
    return {k: v for k, v in dataclasses.asdict(record).items() if k not in TIMES}


def test_records(tiny):
    run = Run(tiny)
    records = list(run.records())
    assert [record.epoch for record in records] == [2, 4]
    last = records[-1]
    numbers = [v for k, v in dataclasses.asdict(last).items() if isinstance(v, float)]
    finite = [v for v in numbers if math.isfinite(v)]
    assert len(finite) >= len(numbers) - 1  # time_to_quality_s may never come
    assert last.time_total_s == pytest.approx(last.dip_time_s + last.train_time_s)
    assert last.features.startswith("digits-features-v1@")
    assert last.dataset_hash == run.dataset.hash
    assert set(run.pictures()) == {"noisy", "restored", "prior", "samples"}


def test_the_last_epoch_is_always_evaluated(tiny):
    run = Run(dataclasses.replace(tiny, epochs=3, eval_every=2))
    assert [record.epoch for record in run.records()] == [2, 3]


def test_the_same_seed_gives_the_same_run_whatever_the_global_state(tiny):
    torch.manual_seed(1)
    first = [untimed(record) for record in Run(tiny).records()]
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = [untimed(record) for record in Run(tiny).records()]
    assert first == second
    assert torch.equal(before, torch.get_rng_state())
    other = [untimed(r) for r in Run(dataclasses.replace(tiny, seed=1)).records()]
    assert other[-1]["fid"] != first[-1]["fid"]


@pytest.mark.parametrize("prior", ["restorer", "none"])
def test_a_run_continued_from_a_checkpoint_is_the_run_itself(tiny, tmp_path, prior):
    config = dataclasses.replace(tiny, prior=prior)
    whole = Run(config)
    expected = [json.dumps(untimed(record)) for record in whole.records()]

    stopped = Run(config)
    records = stopped.records()
    got = [json.dumps(untimed(next(records)))]
    stopped.save(tmp_path)
    torch.manual_seed(99)
    continued = Run.load(tmp_path)
    got += [json.dumps(untimed(record)) for record in continued.records()]

    assert got == expected
    assert torch.equal(continued.pictures()["samples"], whole.pictures()["samples"])
    assert all(
        torch.equal(value, continued.weights()[key]) for key, value in whole.weights().items()
    )


def test_times_go_on_after_a_restart(tiny, tmp_path):
    run = Run(tiny)
    first = next(run.records())
    run.save(tmp_path)
    last = list(Run.load(tmp_path).records())[-1]
    assert last.dip_time_s == first.dip_time_s
    assert last.train_time_s > first.train_time_s


def test_checkpoints_are_read_without_pickle(tiny, tmp_path):
    run = Run(tiny)
    next(run.records())
    run.save(tmp_path)
    with safe_open(tmp_path / STATE_FILE, framework="pt") as file:
        assert json.loads(file.metadata()["run"])["config"]["seed"] == tiny.seed


def test_without_a_prior_the_ddpm_learns_from_the_images_themselves(tiny):
    run = Run(dataclasses.replace(tiny, prior="none"))
    record = next(run.records())
    assert torch.equal(run.pictures()["prior"], run.dataset.train.images[:40])
    assert record.dip_time_s == 0
    assert math.isnan(record.dip_psnr)


def test_the_threshold_of_time_to_quality(tiny):
    """Reached at once if everything passes, and then kept."""
    run = Run(dataclasses.replace(tiny, dip_steps=1))
    run.reference.fid_noise = math.inf
    first, last = run.records()
    assert first.time_to_quality_s == first.time_total_s
    assert last.time_to_quality_s == first.time_to_quality_s


def test_a_diverging_ddpm_names_step_and_settings(tiny):
    run = Run(dataclasses.replace(tiny, ddpm_lr=1e30))
    with pytest.raises(NonFiniteLossError, match=r"DDPM loss .* at step \d+ \(ddpm_lr=1e\+30\)"):
        list(run.records())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected at least 1"),
        ({"std": 0.0}, "std is 0.0; expected a finite number above 0"),
        ({"ddpm_lr": math.nan}, "ddpm_lr is nan"),
        ({"prior": "magic"}, "prior is 'magic'; expected restorer or none"),
        ({"width": 12}, "width is 12; expected a multiple of 8"),
        ({"sampler_steps": 1001}, "sampler_steps is 1001; expected 1 to 1000"),
        ({"schedule": "sigmoid"}, "schedule is 'sigmoid'; expected linear or cosine"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ConfigError, match=message):
        preset("quick", **changes)


def test_more_images_asked_for_than_there_are(tiny):
    with pytest.raises(ConfigError, match="batch_size is 97; expected at most 96"):
        Run(dataclasses.replace(tiny, batch_size=97))
    with pytest.raises(ConfigError, match="num_samples is 301; expected at most 300"):
        Run(dataclasses.replace(tiny, num_samples=301))


def test_presets():
    assert preset("quick") == RunConfig()
    report = preset("report")
    assert (report.dataset, report.dip_steps, report.epochs) == ("mnist", 3500, 20)
    with pytest.raises(ConfigError, match="preset is 'huge'; expected quick or report"):
        preset("huge")


def test_contact_sheet():
    sheet = contact_sheet(torch.full((10, 1, 8, 8), -1.0), columns=5)
    assert sheet.mode == "L"
    assert sheet.size == (5 * 34 + 2, 2 * 34 + 2)  # 8 px enlarged to 32, with a border of 2
    assert contact_sheet(torch.zeros(4, 3, 32, 32)).mode == "RGB"
