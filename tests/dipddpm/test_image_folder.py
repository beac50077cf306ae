"""How a file becomes a square of pixels; whole folders are tested with the data sets."""

import pytest
from PIL import Image

from dipddpm.errors import DataError
from dipddpm.image_folder import read_image, to_square


def test_resizing_and_colour():
    image = Image.new("RGB", (40, 20))
    image.paste((255, 0, 0), (10, 0, 30, 20))  # red in the middle square, black beside it
    cropped, stretched = (to_square(image, 8, rule) for rule in ("crop", "stretch"))
    assert cropped.shape == stretched.shape == (3, 8, 8)
    assert (cropped[0] == 255).all()
    assert stretched[0, 0, 0] < 20


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(DataError, match=r"text\.png cannot be read as an image"):
        read_image(tmp_path / "text.png")
