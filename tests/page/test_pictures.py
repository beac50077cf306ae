"""Pictures in the page: small, and as they look."""

import base64
import io
import os

import numpy as np
from PIL import Image

from study.page.pictures import data_uri, film_of


def shown(path):
    kind, content = data_uri(path).split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_grey_pictures_have_sixteen_levels(tmp_path):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (40, 30), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    found = np.asarray(shown(tmp_path / "grey.png").convert("L"), dtype=int)
    assert found.shape == grey.shape
    assert np.abs(found - grey).max() <= 8
    assert {0, 255} <= set(found.flat)
    assert (
        len(data_uri(tmp_path / "grey.png")) < 0.7 * (tmp_path / "grey.png").stat().st_size * 4 / 3
    )


def test_colours_stay(tmp_path):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    assert (np.asarray(shown(tmp_path / "colours.png")) == colours).all()


def test_a_new_picture_in_the_same_place_is_seen(tmp_path):
    for shade, time_s in ((0, 1), (255, 2)):
        Image.new("L", (2, 2), shade).save(tmp_path / "one.png")
        os.utime(tmp_path / "one.png", (time_s, time_s))
        assert shown(tmp_path / "one.png").convert("L").getpixel((0, 0)) == shade


def test_a_film_is_a_strip_of_its_frames(tmp_path):
    frames = [Image.new("L", (20, 10), shade) for shade in (0, 119, 255)]
    frames[0].save(tmp_path / "film.png", save_all=True, append_images=frames[1:])
    film = film_of(tmp_path / "film.png")
    assert (film.frames, film.aspect) == (3, 2.0)
    strip = Image.open(io.BytesIO(base64.b64decode(film.source.split(",")[1]))).convert("L")
    assert strip.size == (20, 30)
    assert [strip.getpixel((3, height)) for height in (5, 15, 25)] == [0, 119, 255]
