"""One image file, read as a viewer shows it: upright, on white, in 8 bits of sRGB.

What cannot be read so is refused by name, never guessed: an animation, pages, numbers without a
known black and white, a damaged file.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from dipddpm.errors import DataError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "ICO")
"""The formats that are read, by Pillow's names. What is inside decides, not the file's name."""

WHITE = "white"  # behind transparent pixels, as in browsers
HALF_A_LEVEL = 0.5 / 255
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
WHITE_IS_ZERO, SIGNED = 0, 2  # their values
COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # of ICC profiles, by mode


def read_image(path: Path) -> Image.Image:
    """Return the image in a file as a viewer shows it, in mode ``L`` (grey) or ``RGB``.

    It is turned upright, transparent pixels lie on white (on black where all that is painted is
    white), colours are brought to sRGB, and deeper pixels are scaled from their whole range to
    0 … 255. It is grey if the file stores grey, whatever the colours of an RGB file.

    Raises:
        DataError: the file is damaged, too large, or not one image; one line with its name.
    """
    try:
        if not path.is_file():
            raise ValueError("it is no regular file" if path.exists() else "there is no such file")
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        with opened(path) as image:
            image.verify()  # checksums, which decoding alone does not look at
        with opened(path) as image:
            if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
                raise ValueError(
                    f"it holds {frames} images (an animation or pages); expected one: save the one "
                    "that is meant as a file of its own"
                )
            depth = str(image.tile[0][3]) if image.tile else ""  # gone once it is loaded
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _in_srgb(_on_background(_in_bytes(image, depth)), image)
    except Exception as error:  # decoders raise nearly anything for damaged files
        raise DataError(f"{shown(path)} cannot be read as an image: {_reason(error)}") from error


def is_image(path: Path) -> bool:
    """Return whether the content of a file is in one of the formats, in order or damaged."""
    try:
        with opened(path):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # which `read_image` will tell
        return True


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a file of one of the formats; a decompression bomb is an error, metadata no warning."""
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]  # AVIF is not in every Pillow
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=known) as image:
            yield image


def shown(path: Path | str) -> str:
    """Return a path for a message of one line, with control characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"Pillow takes its content for none of {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _in_bytes(image: Image.Image, depth: str) -> Image.Image:
    """Return the image with 8 bits per channel, its transparent colour as alpha.

    Args:
        depth: Pillow's name of the pixels in the file, such as ``L;4``.
    """
    transparent = image.info.get("transparency")
    is_grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    if depth.startswith("RGB;16") and transparent is not None:
        raise ValueError("it has 16 bits and a transparent colour; expected an alpha channel")
    if not is_grey or (image.mode in ("1", "L") and transparent is None and image.format != "TIFF"):
        return image
    values = np.asarray(image.convert("L") if image.mode == "1" else image)
    visible = np.ones_like(values, dtype=bool)
    if transparent is not None:  # given in the file's own depth
        scale = {"1": 255, "L;2": 85, "L;4": 17}.get(depth, 1)
        visible = values != min(transparent * scale, 65535 if scale == 1 else 255)
    white = _white_of(image, values)
    levels = np.rint(values * (255 / white)).clip(0, 255).astype(np.uint8)
    if image.mode not in ("1", "L") and _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        levels = 255 - levels  # Pillow does so for 8 bits alone
    grey = Image.fromarray(levels)
    if not visible.all():
        grey.putalpha(Image.fromarray(visible.astype(np.uint8) * 255))
    return grey


def _white_of(image: Image.Image, values: np.ndarray) -> float:
    """Return the number that means white; raise ValueError if the file does not tell."""
    if _tag(image, SAMPLE_FORMAT) == SIGNED or (image.mode == "I" and image.format == "TIFF"):
        raise ValueError(
            "its integers are signed or have 32 bits, so black and white are not known; save it "
            "with 8 or 16 bits"
        )
    if image.mode in ("1", "L"):
        return 255
    if image.mode != "F":
        bits = _tag(image, BITS_PER_SAMPLE)
        return 2 ** (bits or 16) - 1
    low, high = float(values.min()), float(values.max())  # NaN if there is one
    if not (low >= -HALF_A_LEVEL and high <= 1 + HALF_A_LEVEL):
        raise ValueError(
            f"its numbers reach from {low:g} to {high:g}; expected 0 (black) to 1 (white)"
        )
    return 1


def _tag(image: Image.Image, number: int) -> int | None:
    """Return the first value of a TIFF's tag; None for other files."""
    value = image.tag_v2.get(number) if isinstance(image, TiffImageFile) else None
    return value[0] if isinstance(value, tuple) else value


def _on_background(image: Image.Image) -> Image.Image:
    """Return the image without transparency."""
    if not image.has_transparency_data:
        return image
    painted = image.convert("RGBA")
    seen = _over(painted, WHITE)
    low, high = painted.getchannel("A").getextrema()
    if low != high and seen.convert("RGB").getextrema() == ((255, 255),) * 3:
        seen = _over(painted, "black")  # white strokes alone: on white there is nothing to see
    return seen.convert("L" if image.mode in ("L", "LA", "La") else "RGB")


def _over(painted: Image.Image, background: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", painted.size, background), painted)


def _in_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """Return the image as ``L`` or ``RGB`` of sRGB, by what its file says of its colours."""
    mode = "L" if image.mode in ("1", "L") else "RGB"
    image = image.convert("RGB") if image.mode == "P" else image
    if profile := _profile(source, image.mode):
        if "sRGB" not in (profile.profile.profile_description or ""):
            srgb = ImageCms.createProfile("sRGB")
            transform = ImageCms.buildTransform(profile, srgb, image.mode, "RGB")
            image = ImageCms.applyTransform(image, transform) or image
    elif (gamma := source.info.get("gamma")) and "srgb" not in source.info:  # of PNG
        exponent = 1 / (2.2 * gamma)
        if abs(exponent - 1) > 0.02:
            curve = [round(255 * (level / 255) ** exponent) for level in range(256)]
            image = image.point(curve * len(image.getbands()))
    return image.convert(mode)


def _profile(source: Image.Image, mode: str) -> ImageCms.ImageCmsProfile | None:
    """Return a file's ICC profile; None if it is damaged or of other channels, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(source.info.get("icc_profile") or b""))
    except OSError:
        return None
    return profile if profile.profile.xcolor_space.strip() == COLOUR_SPACES.get(mode) else None


def to_square(image: Image.Image, size: int, resize: str) -> np.ndarray:
    """Return the image as (C, size, size), levels 0 … 255.

    Args:
        resize: ``crop`` the middle square first; ``stretch``; or ``pad`` the shorter sides with the
            median colour of the image's border.
    """
    width, height = size, size
    if resize == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if resize == "pad":
        width, height = (max(1, round(size * side / max(image.size))) for side in image.size)
    small = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    small = small.reshape(height, width, -1)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])  # (pixels, C)
    square = np.empty((size, size, small.shape[2]), np.uint8)
    square[:] = np.median(border, axis=0)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = small
    return square.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
