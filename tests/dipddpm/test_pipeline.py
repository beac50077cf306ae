"""The whole run: what it records, that it repeats, that it continues exactly."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from dipddpm.config import REGIMES, UNTIL_ADDED, RunConfig, preset
from dipddpm.corruption import corrupt
from dipddpm.data import Split
from dipddpm.errors import ConfigError, NonFiniteLossError
from dipddpm.images import contact_sheet, overview, wrapped
from dipddpm.noisy_quality import NOISY_SCORES
from dipddpm.pipeline import Run
from dipddpm.randomness import generator
from dipddpm.record import Record

PRIORS = ("restorer", "dip", "none")

TIMES = {f.name for f in dataclasses.fields(Record) if f.name.endswith("_s")}


def untimed(record: Record) -> str:
    """All that must not depend on the clock; as text, in which NaN equals NaN."""
    return json.dumps({k: v for k, v in record.row().items() if k not in TIMES})


def test_records(tiny):
    run = Run(tiny)
    records = list(run.records())
    assert [record.epoch for record in records] == [2, 4]
    last = records[-1]
    missing = {k for k, v in last.row().items() if v != v}  # NaN
    corrupted = set(NOISY_SCORES)  # of the noisy regime
    assert missing == {"nearest_source", "time_to_quality_s", *corrupted}
    assert last.time_total_s == pytest.approx(last.dip_time_s + last.train_time_s)
    assert last.features.startswith("digits-features-v1@")
    assert last.dataset_hash == run.dataset.hash
    assert set(run.pictures()) == {"noisy", "restored", "prior", "samples"}


def test_a_record_is_a_row_whose_columns_keep_their_names_and_order(tiny):
    (record,) = Run(dataclasses.replace(tiny, epochs=1)).records()
    assert list(record.row()) == [
        "fid",
        "kid",
        "kid_std",
        "precision",
        "recall",
        "fid_second",
        "fid_novel",
        "confidence",
        "classes",
        "contrast",
        "nearest_train",
        "nearest_source",
        *NOISY_SCORES,
        "epoch",
        "loss",
        "fid_floor",
        "fid_second_floor",
        "fid_noise",
        "fid_threshold",
        "scored_images",
        "features",
        "features_second",
        "features_corrupted",
        "dataset_hash",
        "dip_saw",
        "dip_loss",
        "dip_psnr",
        "dip_psnr_noisy",
        "dip_ssim",
        "time_per_iteration_s",
        "dip_time_s",
        "train_time_s",
        "sample_time_s",
        "score_time_s",
        "time_total_s",
        "time_to_quality_s",
    ]


def test_the_last_epoch_is_always_evaluated(tiny):
    run = Run(dataclasses.replace(tiny, epochs=3, eval_every=2))
    assert [record.epoch for record in run.records()] == [2, 3]


def test_an_evaluation_more_changes_nothing_of_the_others(tiny):
    config = dataclasses.replace(tiny, epochs=3, eval_every=3)
    (alone,) = Run(config).records()
    first, last = Run(config).records(also_at=(1, 3))
    assert (first.epoch, last.epoch) == (1, 3)
    assert untimed(last) == untimed(alone)


def test_the_same_seed_gives_the_same_run_whatever_the_global_state(tiny):
    torch.manual_seed(1)
    first = [untimed(record) for record in Run(tiny).records()]
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = [untimed(record) for record in Run(tiny).records()]
    assert first == second
    assert torch.equal(before, torch.get_rng_state())
    other = [untimed(r) for r in Run(dataclasses.replace(tiny, seed=1)).records()]
    assert other != first


VARIANTS = [
    {"prior": prior, "regime": regime, "start_step": start_step, "prior_size": 64}
    for prior in PRIORS
    for regime in REGIMES
    for start_step in (None, 300)
]


AS_REPORTED = {
    **{"restorer": "original", "dip_noise": "once", "value_range": "unit", "loader": "per-image"},
    **{"ema_decay": 0.0, "start_step": 300},
}
COMBINED_AS_REPORTED = {
    **AS_REPORTED,
    **{"loader": "tensor-dataset", "prior_output": "raw", "start_split": "train"},
    **{"start_step": None},
}
MORE_VARIANTS = [
    *VARIANTS,
    {"prediction": "v", "variance": "beta"},
    AS_REPORTED,
    COMBINED_AS_REPORTED,
    {"start_weight": 0.5, "start_images": "noise", "dip_step": 250},
]


def name(variant: dict) -> str:
    return "-".join(map(str, variant.values()))


@pytest.mark.parametrize("variant", MORE_VARIANTS, ids=name)
def test_a_run_continued_from_a_checkpoint_is_the_run_itself(tiny, tmp_path, variant):
    config = dataclasses.replace(tiny, **variant)
    whole = Run(config)
    expected = [untimed(record) for record in whole.records()]

    stopped = Run(config)
    records = stopped.records()
    got = [untimed(next(records))]
    stopped.save(tmp_path)
    torch.manual_seed(99)
    continued = Run.load(tmp_path)
    got += [untimed(record) for record in continued.records()]

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


def test_without_a_prior_the_ddpm_learns_from_the_images_themselves(tiny):
    run = Run(dataclasses.replace(tiny, prior="none"))
    record = next(run.records())
    assert torch.equal(run.pictures()["prior"], run.dataset.train.images[:40])
    assert record.dip_time_s == 0
    assert math.isnan(record.dip_psnr)


PINNED = {
    ("restorer", "clean"): (0.860511, 0.943727, 6.54178, 17.1399, 1.10155),
    ("restorer", "noisy"): (0.856724, 0.776965, 7.49540, 35.3342, 1.11973),
    ("dip", "clean"): (0.922474, 0.597827, 7.25674, 63.6546, 1.23445),
    ("dip", "noisy"): (0.935957, 0.740172, 5.56654, 32.7024, 1.13469),
    ("none", "clean"): (0.862408, math.nan, math.nan, 15.4969, 1.09929),
    ("none", "noisy"): (0.871711, math.nan, math.nan, 48.6389, 1.10279),
}
"""Version 0.1's loss, dip_loss, dip_psnr, fid and nearest_source, by prior and regime.

The PSNR of a restorer is of as many images as are scored; version 0.1 took more.
"""


@pytest.mark.parametrize("variant", VARIANTS[1::2], ids=name)
def test_numbers_are_those_of_version_0_1(tiny, variant):
    """The same seed gives the same priors and samples, up to the rounding of another machine."""
    as_then = {"prediction": "epsilon", **UNTIL_ADDED}
    *_, record = Run(dataclasses.replace(tiny, **as_then, **variant)).records()
    row = record.row()
    got = [row[key] for key in ("loss", "dip_loss", "dip_psnr", "fid", "nearest_source")]
    expected = PINNED[variant["prior"], variant["regime"]]
    assert got == pytest.approx(expected, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize("variant", VARIANTS, ids=name)
def test_what_each_variant_learns_from_and_starts_from(tiny, variant):
    run = Run(dataclasses.replace(tiny, **variant))
    record = next(run.records())
    clean, prior = run.dataset.train.images, run.restoration.prior
    assert len(prior) == (64 if variant["prior"] == "dip" else 96)
    is_clean = torch.equal(prior, clean[: len(prior)])
    assert is_clean == (variant["prior"] == "none" and variant["regime"] == "clean")
    assert math.isnan(record.scores["nearest_source"]) == (variant["start_step"] is None)
    assert ("start" in run.pictures()) == (variant["start_step"] is not None)
    assert ("restored" in run.pictures()) == (variant["prior"] != "none")


@pytest.mark.parametrize("prior", PRIORS)
def test_in_the_noisy_regime_nothing_but_noise_levels_leaves_the_clean_images(
    tiny, prior, monkeypatch
):
    """Other clean images under the same observations change nothing of what is learnt."""
    config = dataclasses.replace(tiny, prior=prior, regime="noisy", prior_size=64)
    observations = {}

    def observe(images, config, purpose):
        return observations.setdefault(purpose, corrupt(images, config.std, generator(3, purpose)))

    monkeypatch.setattr("dipddpm.prior_stage.observe", observe)
    first = Run(config)
    next(first.records())
    second = Run(config)
    flipped = dataclasses.replace(
        second.dataset, train=Split(-second.dataset.train.images, second.dataset.train.labels)
    )
    second.dataset = flipped
    next(second.records())
    assert torch.equal(first.restoration.prior, second.restoration.prior)
    weights = second.weights()
    assert all(torch.equal(value, weights[key]) for key, value in first.weights().items())


def test_samples_stay_near_their_sources_when_the_start_is_late(tiny):
    """As t₀ → 0 the start images come back: nearest_source tells."""
    distances = []
    for start_step in (20, 500, 1000):
        config = dataclasses.replace(tiny, prior="none", start_step=start_step, sampler_steps=10)
        distances.append(list(Run(config).records())[-1].scores["nearest_source"])
    assert distances == sorted(distances)
    assert distances[0] < 0.5


def test_the_threshold_of_time_to_quality(tiny, monkeypatch):
    """Reached at once if everything passes, and then kept."""
    run = Run(dataclasses.replace(tiny, dip_steps=1))
    monkeypatch.setattr(run.reference, "fid_noise", math.inf)
    first, last = run.records()
    assert first.time_to_quality_s == first.time_total_s
    assert last.time_to_quality_s == first.time_to_quality_s


def test_among_noisy_images_the_threshold_is_one_of_noisy_images(tiny, monkeypatch):
    run = Run(dataclasses.replace(tiny, regime="noisy"))
    monkeypatch.setattr(run.reference, "fid_noise", math.inf)
    monkeypatch.setattr(run.noisy_reference, "threshold", 0.0)
    records = run.records()
    assert math.isnan(next(records).time_to_quality_s)
    monkeypatch.setattr(run.noisy_reference, "threshold", math.inf)
    last = next(records)
    assert last.time_to_quality_s == last.time_total_s


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
        (
            {"prior": "magic"},
            "prior is 'magic'; expected restorer or dip or gaussian or tv or pca or none",
        ),
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
    run = Run(dataclasses.replace(tiny, scored_images=1000))
    assert next(run.records()).scored_images == 300  # all there are


def test_presets():
    assert preset("quick") == RunConfig()
    report = preset("original")
    assert (report.dataset, report.dip_steps, report.epochs) == ("mnist", 3500, 20)
    with pytest.raises(ConfigError, match="preset is 'huge'; expected quick or original"):
        preset("huge")


def test_overview():
    page = overview({"noisy": torch.zeros(3, 1, 8, 8), "samples": torch.ones(40, 1, 8, 8)})
    assert page.height == 16 + 1 * 34 + 2 + 16 + 2 * 34 + 2  # names, one row, then two
    assert page.width == 8 * 34 + 2
    assert page.getpixel((page.width - 10, page.height - 10)) == (255, 255, 255)


def test_floats_out_of_range_wrap_as_topilimage_wraps_them():
    from torchvision.transforms import ToPILImage

    unit = torch.tensor([-1.01, -0.3, 0.0, 0.4, 1.0, 1.1, 2.5]).view(1, 1, 7)
    theirs = torch.from_numpy(np.array(ToPILImage()(unit))).flatten().long()
    ours = (wrapped(unit[None] * 2 - 1) + 1) * 127.5
    torch.testing.assert_close(ours.flatten().round().long(), theirs)


def test_contact_sheet():
    sheet = contact_sheet(torch.full((10, 1, 8, 8), -1.0), columns=5)
    assert sheet.mode == "L"
    assert sheet.size == (5 * 34 + 2, 2 * 34 + 2)  # 8 px enlarged to 32, with a border of 2
    assert contact_sheet(torch.zeros(4, 3, 32, 32)).mode == "RGB"


def test_a_sheet_names_its_columns():
    plain = contact_sheet(torch.zeros(10, 1, 8, 8), columns=5)
    headed = contact_sheet(torch.zeros(10, 1, 8, 8), columns=5, headings=list("01234"))
    line = headed.height - plain.height
    assert headed.crop((0, line, headed.width, headed.height)).tobytes() == plain.tobytes()
    above = [headed.crop((34 * place, 0, 34 * (place + 1), line)) for place in range(5)]
    assert all(low < 128 and high == 255 for low, high in (h.getextrema() for h in above))
    assert len({heading.tobytes() for heading in above}) == 5
