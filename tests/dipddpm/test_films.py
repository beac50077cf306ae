"""Films of a run: from noise to samples, and the prior at work."""

import dataclasses

import pytest
import torch
from PIL import Image, ImageSequence

from dipddpm.films import FRAMES, IMAGES, restoration_film, sampling_film
from dipddpm.images import by_class, save_animation
from dipddpm.pipeline import Run
from dipddpm.quality import psnr


@pytest.fixture(scope="module")
def film_config(tiny):
    """The tiny run, with a restorer that has learned something and enough steps for a film."""
    return dataclasses.replace(
        tiny, dip_steps=60, std=0.3, epochs=1, eval_every=1, sampler_steps=20
    )


@pytest.fixture(scope="module")
def run(film_config):
    run = Run(film_config, "cpu")
    list(run.records())
    return run


def test_the_film_of_sampling_ends_with_an_image_of_each_class_that_is_drawn(run):
    frames = sampling_film(run)
    assert 1 < len(frames) <= FRAMES
    assert all(frame.shape == (IMAGES, 1, 8, 8) for frame in frames)
    seen = run.classes_of(frames[-1]).tolist()
    first = seen[: len(set(seen))]
    assert first == sorted(set(seen))
    assert all(torch.equal(a, b) for a, b in zip(frames, sampling_film(run), strict=True))


def test_the_film_of_restoration_goes_from_noise_to_what_the_run_restored(run):
    frames = restoration_film(run)
    assert 4 < len(frames) <= FRAMES
    assert torch.equal(frames[0], run.restoration.noisy[:IMAGES])
    torch.testing.assert_close(frames[-1], run.restoration.restored[:IMAGES])
    clean = run.dataset.validation.images[:IMAGES]
    assert psnr(frames[-1], clean) > psnr(frames[0], clean)


def test_each_prior_with_steps_has_a_film_and_others_have_none(film_config):
    dip = {"prior": "dip", "prior_size": 32, "batch_size": 16, "dip_steps": 12}
    for changes, filmed in (({"prior": "gaussian"}, False), (dip, True)):
        run = Run(dataclasses.replace(film_config, **changes), "cpu")
        list(run.records())
        frames = restoration_film(run)
        assert bool(frames) == filmed
        assert all(frame.shape == (IMAGES, 1, 8, 8) for frame in frames)


def test_filming_changes_nothing_of_the_run(run):
    before = {name: value.clone() for name, value in run.weights().items()}
    sampling_film(run)
    restoration_film(run)
    assert all(torch.equal(before[name], value) for name, value in run.weights().items())


def test_a_sheet_by_class_has_a_column_for_each(tmp_path):
    images = torch.arange(1, 6).view(5, 1, 1, 1) / 10  # (5, 1, 1, 1)
    sheet = by_class(images, torch.tensor([2, 0, 2, 2, 0]), num_classes=3, rows=2)
    assert sheet.flatten().tolist() == pytest.approx([0.2, 0, 0.1, 0.5, 0, 0.3])  # 0 is grey


def test_an_animated_png_has_a_frame_for_each(tmp_path):
    frames = [torch.full((5, 1, 8, 8), shade) for shade in (-1.0, 0.0, 1.0)]
    save_animation(frames, tmp_path / "film.png", columns=5)
    with Image.open(tmp_path / "film.png") as film:
        shades = [frame.convert("L").getpixel((5, 5)) for frame in ImageSequence.Iterator(film)]
    assert shades == [0, 128, 255]
