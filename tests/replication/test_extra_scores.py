"""What is left beside the pictures at the end of a run."""

import dataclasses
import math

import pytest
import torch

from dipddpm.pipeline import Run
from dipddpm.quality import psnr
from study.replication import extra_scores
from study.results.folder import EXTRA_SCORES_FILE, read_rows


@pytest.fixture(scope="module")
def run(tiny):
    run = Run(dataclasses.replace(tiny, epochs=1))
    list(run.records())
    return run


def test_restored_and_refined(run, tmp_path):
    extra_scores.restoration(run, tmp_path)
    restored, refined = read_rows(tmp_path / EXTRA_SCORES_FILE)
    assert (restored["images"], refined["images"]) == ("restored", "refined")
    # the record restores the same images, and more of them
    assert restored["n"] == run.scored_images
    assert restored["psnr"] == pytest.approx(run.restoration.psnr, rel=0.1)
    assert refined["start_step"] == 250
    assert refined["nearest_source"] > 0
    assert (tmp_path / "refined.png").exists()


@pytest.fixture(scope="module")
def fitted(tiny):
    """A run of the original's restorer, which sees one batch with noise that is drawn once."""
    original = {"restorer": "original", "dip_noise": "once", "prior_output": "raw", "std": 0.5}
    original |= {"loader": "tensor-dataset", "value_range": "unit", "start_split": "train"}
    run = Run(dataclasses.replace(tiny, epochs=1, dip_steps=40, dip_lr=5e-3, **original))
    list(run.records())
    return run


def test_the_fitted_batch_beside_held_out_images(fitted, tmp_path):
    extra_scores.dip_alone(fitted, tmp_path)
    held_out, in_sample = read_rows(tmp_path / EXTRA_SCORES_FILE)
    assert (held_out["images"], in_sample["images"]) == ("restored", "fitted")
    assert in_sample["n"] == 64  # the batch, of which no more than the scored images count
    assert in_sample["psnr"] == pytest.approx(
        psnr(fitted.restoration.in_sample.restored, fitted.restoration.in_sample.clean), abs=1e-4
    )
    names = ("fitted", "fitted-noisy", "fitted-wrapped")
    assert {file.stem for file in tmp_path.glob("*.png")} == set(names)


def test_samples_as_they_are_beside_rescaled_ones(fitted, tmp_path, monkeypatch):
    run, drawn_with = fitted, []

    def draw(denoiser, config, num, shape, *rest):
        drawn_with.append(config.output_range)
        return torch.zeros(num, *shape)

    monkeypatch.setattr(extra_scores, "draw", draw)
    rescaled = dataclasses.replace(run.config, output_range="rescale")
    monkeypatch.setattr(run, "config", rescaled)
    extra_scores.restoration_as_they_are(run, tmp_path)
    assert drawn_with == ["rescale", "clip"]
    *_, line = read_rows(tmp_path / EXTRA_SCORES_FILE)
    assert (line["images"], line["n"]) == ("as they are", run.scored_images)
    assert (tmp_path / "as-they-are.png").exists()


def test_samples_by_the_number_of_steps(run, tmp_path):
    extra_scores.everything(run, tmp_path)
    lines = read_rows(tmp_path / EXTRA_SCORES_FILE)
    assert [line["images"] for line in lines[:3]] == ["restored", "refined", "prior set"]
    by_start = {}
    for line in lines[3:]:
        by_start.setdefault(line["images"], []).append(line)
    assert list(by_start) == ["from noise", "from prior", "from real images"]
    for name, found in by_start.items():
        from_noise = name == "from noise"
        if not from_noise:
            sources = found.pop(0)
            assert (sources["steps"], sources["nearest_source"]) == (0, 0)
        assert tuple(line["steps"] for line in found) == extra_scores.REVERSE_STEPS
        assert {line["start_step"] for line in found} == {1000 if from_noise else 250}
        # one that starts from an image knows how far it has come from it
        assert all(math.isnan(line["nearest_source"]) == from_noise for line in found)
    assert {file.stem for file in tmp_path.glob("*.png")} == {"refined", "from-noise", "from-prior"}


def test_without_a_prior_the_steps_from_noise_alone(run, tmp_path):
    extra_scores.from_noise(run, tmp_path)
    lines = read_rows(tmp_path / EXTRA_SCORES_FILE)
    assert [(line["images"], line["steps"]) for line in lines] == [
        ("from noise", steps) for steps in extra_scores.REVERSE_STEPS
    ]


def test_the_prior_set_beside_the_clean_images_it_is_made_from(run, tmp_path):
    extra_scores.prior_set(run, tmp_path)
    (line,) = read_rows(tmp_path / EXTRA_SCORES_FILE)
    made, clean = run.restoration.prior, run.dataset.train.images
    assert (line["images"], line["n"]) == ("prior set", len(made))
    assert line["psnr"] == pytest.approx(psnr(made, clean), abs=1e-3)
    assert line["stroke_level"] == pytest.approx(extra_scores.stroke_level(made, clean), abs=1e-4)


def test_strokes_are_the_bright_pixels_of_the_clean_images():
    clean = torch.tensor([-1.0, -0.2, 0.6, 1.0]).view(1, 1, 2, 2)
    assert extra_scores.stroke_level(clean, clean) == 1
    emphasised = torch.tensor([5.0, 5.0, 0.9, 1.42]).view(1, 1, 2, 2)  # beyond white, unclipped
    assert extra_scores.stroke_level(emphasised, clean) == pytest.approx(1.2)


def test_as_many_network_evaluations_as_it_says(run, monkeypatch):
    calls = []
    forward = run.trainer.ema.forward
    monkeypatch.setattr(run.trainer.ema, "forward", lambda x, t: calls.append(1) or forward(x, t))
    starts = {"from noise": None, "from prior": run.trainer.start}
    lines = list(extra_scores._by_steps(run, starts))
    assert len(calls) == sum(line["steps"] for line, _ in lines)
