"""``python -m dipddpm``."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support import tiny_run

from dipddpm.__main__ import main
from dipddpm.training import Trainer

TINY = (*tiny_run.TINY, "--epochs", "2", "--eval-every", "1")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run of a second."""
    out = tmp_path_factory.mktemp("run") / "new" / "run"
    assert main([*TINY, "--out", str(out)]) == 0
    return out


def test_run_writes_records_weights_and_pictures(done):
    records = [json.loads(line) for line in (done / "records.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2]
    assert records[0]["nearest_source"] is None  # JSON has no NaN
    assert json.loads((done / "config.json").read_text())["width"] == 8
    assert json.loads((done / "features.json").read_text())["name"] == "digits-features-v1"
    for picture in ("noisy", "restored", "prior", "samples", "overview"):
        Image.open(done / f"{picture}.png").verify()
    with Image.open(done / "reverse.gif") as animation:
        assert animation.n_frames == 3  # a frame per step of the sampler


def test_run_says_how_it_went(tmp_path, capsys):
    main([*TINY, "--start-step", "300", "--out", str(tmp_path / "run")])
    said = capsys.readouterr().out
    assert re.search(
        r"fid \d+\.\d\d \(floor \d\.\d\d, noise \d+\.\d, 100 images, digits-feat", said
    )
    assert (tmp_path / "run" / "start.png").exists()


def test_sample_draws_more_from_saved_weights(done, tmp_path):
    weights = str(done / "weights.safetensors")
    flags = ["--num", "5", "--sampler-steps", "4", "--eta", "0"]
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        out = ["--out", str(tmp_path / name), "--seed", seed]
        assert main(["sample", weights, *flags, *out]) == 0
    a, b, c = (load_file(tmp_path / n / "samples.safetensors")["samples"] for n in "abc")
    assert a.shape == (5, 1, 8, 8)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    out = ["--out", str(tmp_path / "first order")]
    first_order = ["--sampler-order", "1", "--spacing", "time", "--seed", "0"]
    assert main(["sample", weights, *flags, *first_order, *out]) == 0
    other = load_file(tmp_path / "first order" / "samples.safetensors")["samples"]
    assert not torch.equal(a, other)
    assert a.abs().max() <= 1
    for file in ("samples.png", "reverse.gif"):
        Image.open(tmp_path / "a" / file).verify()


def test_sample_writes_each_image_to_a_numbered_file(done, tmp_path):
    weights, flags = str(done / "weights.safetensors"), ["--num", "12", "--sampler-steps", "2"]
    assert main(["sample", weights, *flags, "--out", str(tmp_path / "one")]) == 0
    assert main(["sample", weights, *flags, "--each", "--out", str(tmp_path / "each")]) == 0
    files = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert files == [f"{number:03}.png" for number in range(12)]
    drawn = load_file(tmp_path / "one" / "samples.safetensors")["samples"]
    for image, name in zip(drawn, files, strict=True):
        with Image.open(tmp_path / "each" / name) as picture:
            assert (picture.mode, picture.size) == ("L", (8, 8))
            levels = torch.from_numpy(np.asarray(picture, dtype=np.float32))
        torch.testing.assert_close(levels[None] / 127.5 - 1, image, atol=0.01, rtol=0)
    with pytest.raises(SystemExit):  # nothing that was there is overwritten
        main(["sample", weights, *flags, "--each", "--out", str(tmp_path / "each")])


FAST_DIP = ("--dip-width", "8", "--dip-lr", "5e-3", "--dip-steps", "80")


@pytest.mark.parametrize("prior", ["restorer", "dip"])
@pytest.mark.parametrize("regime", ["clean", "noisy"])
def test_restore_improves_held_out_images(prior, regime, tmp_path):
    out = tmp_path / "out"
    flags = ["--prior", prior, "--regime", regime, "--std", "0.5", *FAST_DIP]
    assert main(["restore", *flags, "--out", str(out)]) == 0
    scores = json.loads((out / "restore.json").read_text())["scores"]
    assert scores["restored"]["psnr"] > scores["noisy"]["psnr"] + 1  # dB
    assert scores["restored"]["ssim"] > scores["noisy"]["ssim"]
    for stage in ("noisy", "restored"):
        Image.open(out / f"{stage}.png").verify()


def test_restore_ones_own_files_and_refine_them(done, tmp_path):
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.jpg"
    Image.new("L", (18, 23), 200).save(grey)
    Image.new("RGB", (16, 12), (180, 90, 60)).save(colour)
    files, out = [str(grey), str(colour)], ["--out", str(tmp_path / "out")]
    flags = ["--prior", "dip", "--std", "0.2", *FAST_DIP, "--dip-steps", "200"]
    assert main(["restore", *files, *flags, *out]) == 0
    scores = json.loads((tmp_path / "out" / "restore.json").read_text())["scores"]
    assert scores["restored"]["psnr"] > scores["noisy"]["psnr"] + 3  # dB; they are flat
    with Image.open(tmp_path / "out" / "000-grey-restored.png") as sheet:
        assert sheet.mode == "L"
    with Image.open(tmp_path / "out" / "001-colour-restored.png") as sheet:
        assert sheet.mode == "RGB"

    small = tmp_path / "small.png"
    Image.new("L", (8, 8), 90).save(small)
    refine = ["--refine", str(done / "weights.safetensors"), "--start-step", "100"]
    out = ["--out", str(tmp_path / "refined"), "--already-noisy"]
    assert main(["restore", str(small), *flags, *refine, *out]) == 0
    assert json.loads((tmp_path / "refined" / "restore.json").read_text())["scores"] == {}
    assert (tmp_path / "refined" / "000-small-refined.png").exists()


def test_dip_ends_before_it_draws_noise_that_nobody_knows(tmp_path):
    levels = 128 + 60 * np.random.default_rng(0).standard_normal((16, 16))
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(tmp_path / "flat.png")
    flags = ["--prior", "dip", "--dip-width", "8", "--dip-lr", "0.02", "--dip-steps", "600"]
    out = ["--already-noisy", "--out", str(tmp_path / "out")]
    assert main(["restore", str(tmp_path / "flat.png"), *flags, *out]) == 0
    with Image.open(tmp_path / "out" / "000-flat-restored.png") as restored:
        assert np.asarray(restored).std() < 30  # with all steps it is the noise itself: about 60


def test_restored_files_come_back_at_their_size_as_they_are_seen(tmp_path):
    """``noisy`` is what goes in where nothing is added."""
    levels = (np.arange(18 * 23).reshape(23, 18) % 256).astype(np.uint8)
    colour = np.stack([levels, 255 - levels, levels // 2], axis=-1)
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned clockwise
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(colour).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(colour).convert("RGB").save(tmp_path / "plain.bmp")
    transparent = Image.new("L", (18, 23), 0)
    transparent.putalpha(Image.fromarray(levels))
    transparent.save(tmp_path / "ink.png")
    seen = {
        "deep.png": levels,
        "turned.png": np.rot90(colour, -1),
        "plain.bmp": colour,
        "ink.png": 255 - levels,
    }
    files, out = [str(tmp_path / name) for name in seen], tmp_path / "out"
    flags = ["--prior", "dip", "--dip-width", "8", "--dip-steps", "2", "--already-noisy"]
    assert main(["restore", *files, *flags, "--out", str(out)]) == 0
    for index, (name, expected) in enumerate(seen.items()):
        stem = f"{index:03}-{name.partition('.')[0]}"
        with Image.open(out / f"{stem}-noisy.png") as given:
            assert np.array_equal(np.asarray(given), expected), name
        with Image.open(out / f"{stem}-restored.png") as restored:
            assert np.asarray(restored).shape == expected.shape, name

    flags += ["--channels", "1", "--out", str(tmp_path / "grey")]
    assert main(["restore", str(tmp_path / "plain.bmp"), *flags]) == 0
    with Image.open(tmp_path / "grey" / "000-plain-restored.png") as restored:
        assert restored.mode == "L"


def test_bad_usage_of_restore_and_sample(done, tmp_path, capsys):
    text, weights = tmp_path / "text.png", str(done / "weights.safetensors")
    text.write_text("not an image")
    large = tmp_path / "large.png"
    Image.new("L", (16, 16)).save(large)
    narrow, floats = tmp_path / "narrow.png", tmp_path / "floats.tif"
    Image.new("L", (7, 9)).save(narrow)
    Image.new("F", (16, 16), 2).save(floats)
    cases = {
        f"{text} cannot be read as an image": ["restore", str(text), "--prior", "dip"],
        "--prior is none; expected restorer or dip": ["restore", "--prior", "none"],
        "--already-noisy is True; expected files": ["restore", "--already-noisy"],
        f"{narrow} is 7×9 px; at least 8×8 is needed": ["restore", str(narrow), "--prior", "dip"],
        f"{floats} cannot be read as an image: its numbers": [
            *("restore", str(large), str(floats), "--prior", "dip")
        ],
        "expected weights for images of (1, 16, 16)": [
            *("restore", str(large), "--prior", "dip", "--refine", weights)
        ],
        "nowhere holds no weights of a run": ["sample", "nowhere"],
        "--num is 0; expected at least 1": ["sample", weights, "--num", "0"],
        "--sampler-steps is 1001; expected 1 to": ["sample", weights, "--sampler-steps", "1001"],
        "--device: magic cannot be used; expected cpu": ["sample", weights, "--device", "magic"],
        "--device: meta cannot be used": ["sample", weights, "--device", "meta"],
    }
    for message, arguments in cases.items():
        with pytest.raises(SystemExit) as caught:
            main([*arguments, "--out", str(tmp_path / "out")])
        error = capsys.readouterr().err
        assert caught.value.code == 2
        assert message in error
        assert error.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_weights_that_start_from_prior_images_are_not_sampled_without_them(tmp_path, capsys):
    assert main([*TINY, "--start-weight", "0.5", "--out", str(tmp_path / "mixed")]) == 0
    weights = str(tmp_path / "mixed" / "weights.safetensors")
    with pytest.raises(SystemExit) as caught:
        main(["sample", weights, "--out", str(tmp_path / "out")])
    assert caught.value.code == 2
    assert "start-weight is 0.5; expected 0: these samples start from" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(SystemExit) as caught:
        main([*TINY, "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert "expected a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_failed_run_has_its_own_status(tmp_path, capsys):
    assert main([*TINY, "--ddpm-lr", "1e30", "--out", str(tmp_path / "run")]) == 1
    assert "DDPM loss is not finite" in capsys.readouterr().err


def test_drawn_images_that_are_not_finite_fail_the_run(tmp_path, monkeypatch, capsys):
    def sample(trainer, num, rng, watch=None):
        return torch.full((num, *trainer.images.shape[1:]), float("nan"))

    monkeypatch.setattr(Trainer, "sample", sample)
    assert main([*TINY, "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr()
    assert "drawn images hold values that are not finite; a lower ddpm_lr may help" in said.err
    assert "fid" not in said.out
