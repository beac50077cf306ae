"""One file becomes the pixels that a viewer shows, or is refused by its name."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.odd_images import green_first, linear_grey, packed, png, tiff

from dipddpm.data import load_dataset
from dipddpm.errors import DataError
from dipddpm.image_file import read_image, to_square

RNG = np.random.RandomState(0)
GREY = RNG.permutation(64).reshape(8, 8).astype(np.uint8) * 4  # (H, W)
GREY[0, 0] = 255
RGB = np.stack([GREY, GREY.T, 255 - GREY], axis=-1)  # (H, W, 3)
DEEP = GREY.astype(np.uint16) * 257
ALPHA = RNG.permutation(GREY.ravel()).reshape(8, 8)
EXACT, JPEG, LUT = 0, 3, 2  # levels by which a reading may differ
FINE = {"quality": 100, "subsampling": 0}


def on_white(levels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Levels (H, W) or (H, W, 3) over white, by alpha (H, W) 0 … 255."""
    share = (alpha / 255.0).reshape(8, 8, *(1,) * (levels.ndim - 2))
    return levels * share + 255 * (1 - share)


def without(value: int) -> np.ndarray:
    """The grey image in which one level is transparent."""
    return np.where(value == GREY, 255, GREY)


def with_alpha(levels: np.ndarray, alpha: np.ndarray) -> Image.Image:
    image = Image.fromarray(levels)
    image.putalpha(Image.fromarray(alpha))
    return image


def palette(**info) -> Image.Image:
    """A palette image of the colours 1, 2, 3 and their threefold; index 0 is transparent."""
    image = Image.fromarray(GREY // 4)
    image.putpalette([level for index in range(64) for level in (index, 2 * index, 3 * index)])
    image.info |= info
    return image


def shades(bits: int) -> np.ndarray:
    """Numbers of so many bits, each of them somewhere."""
    return (GREY // 4) % 2**bits


def srgb(light: np.ndarray) -> np.ndarray:
    """Levels of sRGB for light 0 … 1."""
    return 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def turned(orientation: int) -> np.ndarray:
    """What lies in a file whose image, once turned upright, is ``RGB``."""
    across, down = RGB[:, ::-1], RGB[::-1]
    return {
        1: RGB,
        2: across,
        3: RGB[::-1, ::-1],
        4: down,
        5: RGB.swapaxes(0, 1),
        6: np.rot90(RGB),
        7: RGB[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(RGB, -1),
    }[orientation]


def oriented(orientation: int) -> dict:
    exif = Image.Exif()
    exif[0x112] = orientation
    return {"exif": exif}


def saved(image: Image.Image | np.ndarray, **options):
    """Write an image by Pillow."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    return lambda path: picture.save(path, **options)


def two_frames(**options):
    """Write two images into one file."""
    more = Image.fromarray(255 - RGB)
    return saved(RGB, save_all=True, append_images=[more], **options)


def raw(content: bytes):
    """Write bytes."""
    return lambda path: path.write_bytes(content)


def cut(image: Image.Image | np.ndarray, share: float, **options):
    """Write an image, then keep the first share of the file."""

    def write(path: Path) -> None:
        saved(image, **options)(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return write


def with_a_bit_flipped(path: Path) -> None:
    content = bytearray(png(packed(GREY, 8), 8, 8, 0))
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def big_endian(numbers: np.ndarray, kind: str) -> list[bytes]:
    return [row.astype(kind).tobytes() for row in numbers]


def key(*levels: int) -> tuple[bytes, bytes]:
    """The chunk of a PNG that makes one colour transparent."""
    return b"tRNS", struct.pack(f">{len(levels)}H", *levels)


READ = {  # file → how it is written, the pixels that a viewer shows, by how much they may differ
    "grey.png": (saved(GREY), GREY, EXACT),
    "colour.bmp": (saved(RGB), RGB, EXACT),
    "16 bits.png": (saved(DEEP), GREY, EXACT),
    "16 bits.tif": (saved(DEEP), GREY, EXACT),
    "16 bits lzw.TIFF": (saved(DEEP, compression="tiff_lzw"), GREY, EXACT),
    "16 bits big endian.tif": (saved(DEEP.astype(">u2")), GREY, EXACT),
    "16 bits.pgm": (saved(DEEP), GREY, EXACT),
    "16 bits.jp2": (saved(DEEP, irreversible=False), GREY, EXACT),
    "16 bits rounded.png": (saved(DEEP + (GREY < 255) * np.uint16(100)), GREY, EXACT),
    "16 bits rgb.png": (raw(png(big_endian(RGB * np.uint16(257), ">u2"), 8, 16, 2)), RGB, EXACT),
    "16 bits, key.png": (raw(png(big_endian(DEEP, ">u2"), 8, 16, 0, key(0))), without(0), EXACT),
    "16 bits, alpha.png": (
        raw(png(big_endian(np.stack([DEEP, ALPHA * np.uint16(257)], -1), ">u2"), 8, 16, 4)),
        on_white(GREY, ALPHA),
        1,
    ),
    "white is 0.tif": (raw(tiff(packed(GREY, 8), 8, 8, 0)), 255 - GREY, EXACT),
    "16 bits, white is 0.tif": (raw(tiff(big_endian(DEEP, "<u2"), 8, 16, 0)), 255 - GREY, EXACT),
    "12 bits.tif": (raw(tiff(packed(DEEP // 16, 12), 8, 12, 1)), GREY, EXACT),
    "unit floats.tif": (saved((GREY / 255).astype(np.float32)), GREY, EXACT),
    "floats.pfm": (saved((GREY / 255).astype(np.float32)), GREY, EXACT),
    "1 bit.png": (saved(Image.fromarray(GREY > 99)), (GREY > 99) * 255, EXACT),
    "1 bit fax.tif": (
        saved(Image.fromarray(GREY > 99), compression="group4"),
        (GREY > 99) * 255,
        EXACT,
    ),
    "2 bits.png": (raw(png(packed(shades(2), 2), 8, 2, 0)), shades(2) * 85, EXACT),
    "4 bits.png": (raw(png(packed(shades(4), 4), 8, 4, 0)), shades(4) * 17, EXACT),
    "2 bits, key.png": (
        raw(png(packed(shades(2), 2), 8, 2, 0, key(2))),
        np.where(shades(2) == 2, 255, shades(2) * 85),
        EXACT,
    ),
    "8 bits, key.png": (raw(png(packed(GREY, 8), 8, 8, 0, key(8))), without(8), EXACT),
    "rgb, key.png": (
        raw(png([row.tobytes() for row in RGB], 8, 8, 2, key(*RGB[3, 3]))),
        np.where((RGB[3, 3] == RGB).all(-1, keepdims=True), 255, RGB),
        EXACT,
    ),
    "grey and alpha.png": (saved(with_alpha(GREY, ALPHA)), on_white(GREY, ALPHA), 1),
    "alpha.png": (saved(with_alpha(RGB, ALPHA)), on_white(RGB, ALPHA), 1),
    "alpha.webp": (
        saved(with_alpha(RGB, ALPHA), lossless=True, exact=True),
        on_white(RGB, ALPHA),
        1,
    ),
    "alpha.tif": (saved(with_alpha(RGB, ALPHA)), on_white(RGB, ALPHA), 1),
    "alpha.ico": (saved(with_alpha(RGB, ALPHA), sizes=[(8, 8)]), on_white(RGB, ALPHA), 1),
    "black strokes.png": (saved(with_alpha(0 * GREY, ALPHA)), 255 - ALPHA, 1),
    "white strokes.png": (saved(with_alpha(0 * GREY + 255, ALPHA)), ALPHA, 1),
    "palette.png": (saved(palette()), GREY[..., None] // 4 * [1, 2, 3], EXACT),
    "palette.gif": (saved(palette()), GREY[..., None] // 4 * [1, 2, 3], EXACT),
    "palette, key.png": (
        saved(palette(), transparency=3),
        np.where(GREY[..., None] == 12, 255, GREY[..., None] // 4 * [1, 2, 3]),
        EXACT,
    ),
    "palette, key.gif": (
        saved(palette(), transparency=3),
        np.where(GREY[..., None] == 12, 255, GREY[..., None] // 4 * [1, 2, 3]),
        EXACT,
    ),
    "palette and alpha.png": (
        saved(palette(), transparency=bytes(range(64))),
        on_white(GREY[..., None] // 4 * np.array([1, 2, 3]), GREY // 4 % 64),
        1,
    ),
    "cmyk.jpg": (saved(Image.fromarray(RGB).convert("CMYK"), **FINE), RGB, JPEG),
    "cmyk.tif": (saved(Image.fromarray(RGB).convert("CMYK")), RGB, EXACT),
    "lab.tif": (
        saved(Image.merge("LAB", [Image.new("L", (8, 8), n) for n in (255, 128, 128)])),
        np.full((8, 8, 3), 255),
        1,
    ),
    "profile.png": (saved(RGB, icc_profile=green_first(1.0)), srgb(RGB[..., [1, 0, 2]] / 255), 10),
    "grey profile.png": (saved(GREY, icc_profile=linear_grey()), srgb(GREY / 255), 10),
    "profile of other channels.png": (saved(GREY, icc_profile=green_first(2.2)), GREY, EXACT),
    "damaged profile.png": (saved(RGB, icc_profile=b"junk"), RGB, EXACT),
    "srgb by name.png": (saved(RGB, icc_profile=green_first(1.0, "sRGB IEC61966")), RGB, EXACT),
    "linear.png": (
        raw(png(packed(GREY, 8), 8, 8, 0, (b"gAMA", struct.pack(">I", 100_000)))),
        255 * (GREY / 255) ** (1 / 2.2),
        1,
    ),
    "usual gamma.png": (
        raw(png(packed(GREY, 8), 8, 8, 0, (b"gAMA", struct.pack(">I", 45_455)))),
        GREY,
        EXACT,
    ),
    "interlaced.png": (saved(RGB, interlace=1), RGB, EXACT),
    "two pictures of a phone.mpo": (two_frames(**FINE), RGB, JPEG),
    "wrong name.jpg": (saved(RGB, format="PNG"), RGB, EXACT),
    "no ending": (saved(RGB, format="PNG"), RGB, EXACT),
    "ending.jfif": (saved(RGB, format="JPEG", **FINE), RGB, JPEG),
    "lossless.jp2": (saved(RGB, irreversible=False), RGB, EXACT),
    "überschrift\nzwei zeilen.PNG": (saved(RGB, format="PNG"), RGB, EXACT),
    "damaged exif.jpg": (saved(RGB, exif=b"Exif\0\0junk", **FINE), RGB, JPEG),
    **{
        f"turned {orientation}.{ending}": (
            saved(turned(orientation), **oriented(orientation), **options),
            RGB,
            JPEG,
        )
        for orientation in range(1, 9)
        for ending, options in {"jpg": FINE, "png": {}, "tif": {}}.items()
    },
}

NAMELESS = "black and white are not known"
ANIMATED = "it holds 2 images"
REFUSED = {  # file → how it is written, what is said of it
    "integers.tif": (saved(GREY.astype(np.int32) * 257), NAMELESS),
    "unsigned.tif": (raw(tiff(big_endian(DEEP, "<u4"), 8, 32, 1)), NAMELESS),
    "signed.tif": (raw(tiff(big_endian(DEEP, "<i2"), 8, 16, 1, 2)), NAMELESS),
    "signed bytes.tif": (raw(tiff(packed(GREY, 8), 8, 8, 1, 2)), NAMELESS),
    "levels as floats.tif": (saved(GREY.astype(np.float32)), "from 0 to 255; expected 0"),
    "negative.tif": (saved((GREY / 255 - 1).astype(np.float32)), "from -1 to 0; expected 0"),
    "nan.tif": (saved(np.full((8, 8), np.nan, np.float32)), "from nan to nan; expected 0"),
    "double floats.tif": (raw(tiff(big_endian(GREY / 255, "<f8"), 8, 64, 1, 3)), "for none of PNG"),
    "16 bits rgb, key.png": (
        raw(png(big_endian(RGB * np.uint16(257), ">u2"), 8, 16, 2, key(0, 0, 0))),
        "expected an alpha channel",
    ),
    "film.gif": (two_frames(), ANIMATED),
    "film.png": (two_frames(), ANIMATED),
    "film.webp": (two_frames(), ANIMATED),
    "pages.tif": (two_frames(), ANIMATED),
    "cut.jpg": (cut(np.tile(RGB, (8, 8, 1)), 0.9), ""),
    "cut.png": (cut(RGB, 0.8), ""),
    "cut.gif": (cut(RGB, 0.9), ""),
    "cut.tif": (cut(np.tile(DEEP, (8, 8)), 0.9), ""),
    "cut.bmp": (cut(RGB, 0.9), ""),
    "cut.webp": (cut(RGB, 0.9), ""),
    "cut.jp2": (cut(RGB, 0.5), ""),
    "flipped.png": (with_a_bit_flipped, "broken PNG file"),
    "bomb.png": (
        raw(png([b"\0"], 100_000, 8, 0)[:16] + b"\0\1\x86\xa0" * 2 + b"\x08" + b"\0" * 50),
        "",
    ),
    "large.png": (raw(png([b"\0"] * 10_000, 10_000, 8, 0)), "100000000 pixels"),
    "empty.png": (raw(b""), "it is empty"),
    "text.png": (raw(b"not an image"), "for none of PNG, JPEG, GIF,"),
    "phone.heic": (raw(b"\0\0\0\x18ftypheic"), "for none of PNG, JPEG, GIF,"),
    "drawing.svg": (raw(b"<svg/>"), "for none of PNG, JPEG, GIF,"),
    "pipe.png": (os.mkfifo, "it is no regular file"),
    "dead link.png": (lambda path: path.symlink_to("nowhere"), "there is no such file"),
    "line\nbreak.png": (raw(b""), "it is empty"),
}


def pixels(levels: np.ndarray) -> np.ndarray:
    """Levels (H, W) or (H, W, 3) as (H, W, 3), signed, to be subtracted."""
    colour = levels if levels.ndim == 3 else levels[..., None]
    return np.broadcast_to(colour, (*levels.shape[:2], 3)).astype(float)


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_a_viewer_shows_it(name, tmp_path):
    write, expected, tolerance = READ[name]
    write(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.mode in ("L", "RGB")
    assert np.abs(np.asarray(image.convert("RGB")) - pixels(expected)).max() <= tolerance


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_so_is_refused_by_name(name, tmp_path):
    write, said = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path}/{name} cannot be read as an image: ".replace("\n", "\\n")
    )
    assert said in message
    assert "\n" not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path):
    path = tmp_path / "closed.png"
    saved(GREY)(path)
    path.chmod(0)
    with pytest.raises(DataError, match=r"closed\.png cannot be read as an image: Permission"):
        read_image(path)


def test_grey_files_are_grey(tmp_path):
    grey = {"grey.png", "16 bits.png", "unit floats.tif", "1 bit.png", "grey and alpha.png"}
    colour = {"colour.bmp", "palette.gif", "cmyk.jpg", "alpha.png"}
    for name in grey | colour:
        READ[name][0](tmp_path / name)
        assert read_image(tmp_path / name).mode == ("L" if name in grey else "RGB"), name


def test_a_folder_of_odd_files_loads_to_what_they_show(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "odd"
    folder.mkdir()
    once = {name: case for name, case in READ.items() if not name.startswith("turned")}
    for name, (write, _, _) in once.items():
        write(folder / name)
    for index in range(100):
        saved(RNG.randint(0, 256, (8, 8, 3), dtype=np.uint8))(folder / f"plain {index}.png")
    odd = load_dataset(str(folder), image_size=8)
    splits = (odd.train, odd.start, odd.validation, odd.test)
    images = np.concatenate([((s.images.numpy() + 1) * 127.5).round() for s in splits])
    for name, (_, expected, tolerance) in once.items():
        shown = pixels(expected).transpose(2, 0, 1)
        assert (np.abs(images - shown).max(axis=(1, 2, 3)) <= tolerance).any(), name

    (folder / "empty.png").touch()
    load_dataset.cache_clear()
    with pytest.raises(DataError, match=re.escape(f"{folder / 'empty.png'} cannot be read")):
        load_dataset(str(folder), image_size=8)


def test_images_become_squares_by_cropping_stretching_or_padding():
    image = Image.new("RGB", (40, 20), (0, 0, 255))  # blue beside a red square in the middle
    image.paste((255, 0, 0), (10, 0, 30, 20))
    crop, stretch, pad = (to_square(image, 8, rule) for rule in ("crop", "stretch", "pad"))
    assert crop.shape == stretch.shape == pad.shape == (3, 8, 8)
    assert (crop[0] == 255).all()
    assert (stretch[0, 0, 0], stretch[2, 0, 0]) < (20, 255)
    assert pad[:, 2:6].tolist() == to_square(image, 8, "stretch")[:, ::2].tolist()


@pytest.mark.parametrize("size", [(1, 1), (10_000, 2), (2, 10_000), (7, 300)])
@pytest.mark.parametrize("rule", ["crop", "stretch", "pad"])
def test_any_size_becomes_a_square(size, rule):
    assert (to_square(Image.new("L", size, 77), 8, rule) == 77).all()


def test_padding_goes_on_with_the_colour_of_the_border():
    dark_on_white = Image.new("L", (8, 4), 255)
    dark_on_white.putpixel((4, 2), 0)
    square = to_square(dark_on_white, 8, "pad")[0]
    assert (square[[0, 1, 6, 7]] == 255).all()
    assert square[4, 4] == 0
