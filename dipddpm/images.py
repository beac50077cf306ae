"""Pictures for people: contact sheets, an overview of a run, and animations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

TILE = 32  # images are enlarged up to this side, in pixels
LABEL = 16  # height of a line of text, in pixels
GAP = 2  # between the images of a sheet, in pixels


def rescale(images: Tensor) -> Tensor:
    """Bring the least value of each image to -1 and its greatest to 1: (N, C, H, W), any range.

    Matplotlib's ``imshow`` does the same with an image of one channel.
    """
    low, high = (f(images, dim=(1, 2, 3), keepdim=True) for f in (torch.amin, torch.amax))
    return (images - low) / (high - low).clamp_min(torch.finfo(images.dtype).tiny) * 2 - 1


def wrapped(images: Tensor) -> Tensor:
    """Return images as torchvision's ``ToPILImage`` shows floats that leave [0, 1]: in [-1, 1].

    Its cast to bytes wraps around modulo 256, so what is a little too dark turns white, and what is
    a little too bright turns black. The original report showed its restored digits like that.

    Args:
        images: (N, C, H, W); their [-1, 1] is the [0, 1] of the cast.
    """
    levels = ((images + 1) * 127.5).long() % 256
    return levels.to(images) / 127.5 - 1


def contact_sheet(images: Tensor, columns: int = 8, headings: Sequence[str] = ()) -> Image.Image:
    """Lay images (N, C, H, W) in [-1, 1] out row by row; small ones are enlarged.

    Args:
        headings: what stands above the columns.
    """
    from torchvision.utils import make_grid  # seconds to import, and needed here alone

    scale = max(1, TILE // images.shape[-1])
    enlarged = images.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    grid = make_grid((enlarged + 1) / 2, nrow=columns, padding=GAP, pad_value=0.5)  # (3, H, W)
    pixels = (grid.clamp(0, 1) * 255).round().to(torch.uint8)
    sheet = Image.fromarray(pixels.permute(1, 2, 0).numpy()).convert(
        "RGB" if images.shape[1] == 3 else "L"
    )
    return _headed(sheet, headings, enlarged.shape[-1] + GAP) if headings else sheet


def _headed(sheet: Image.Image, headings: Sequence[str], column: int) -> Image.Image:
    """Put headings above the columns of a sheet, each so many pixels wide."""
    page = Image.new(sheet.mode, (sheet.width, sheet.height + LABEL), "white")
    page.paste(sheet, (0, LABEL))
    draw = ImageDraw.Draw(page)
    for place, heading in enumerate(headings):
        draw.text(((place + 0.5) * column, LABEL / 2), heading, fill="black", anchor="mm")
    return page


def by_class(images: Tensor, classes: Tensor, num_classes: int, rows: int = 8) -> Tensor:
    """Return images (N, C, H, W) in the order of a sheet with a column per class.

    A column has the first images of its class. Where there are fewer than in others it ends in
    grey; where there are more than ``rows``, the last ones are left out.

    Args:
        classes: of each image, from 0: (N,).
    """
    columns = [images[classes == each][:rows] for each in range(num_classes)]
    sheet = images.new_zeros(max(map(len, columns)), num_classes, *images.shape[1:])
    for place, column in enumerate(columns):
        sheet[: len(column), place] = column
    return sheet.flatten(0, 1)  # (rows, classes, C, H, W) -> (rows · classes, C, H, W)


def to_file_image(image: Tensor) -> Image.Image:
    """Return one image (C, H, W) in [-1, 1] at its own size: grey, or RGB for three channels."""
    levels = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()
    return Image.fromarray((levels[0] if len(levels) == 1 else levels.permute(1, 2, 0)).numpy())


def overview(stages: Mapping[str, Tensor], columns: int = 8) -> Image.Image:
    """Return one picture of a run's stages: their names, and two rows of images of each."""
    sheets = {
        name: contact_sheet(images[: 2 * columns], columns) for name, images in stages.items()
    }
    width = max(sheet.width for sheet in sheets.values())
    height = sum(sheet.height + LABEL for sheet in sheets.values())
    page = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(page), 0
    for name, sheet in sheets.items():
        draw.text((2, top + 2), name, fill="black")
        page.paste(sheet, (0, top + LABEL))
        top += LABEL + sheet.height
    return page


def save_animation(frames: list[Tensor], file: Path, columns: int = 8) -> None:
    """Write an animated GIF or PNG, by the file's name, with a contact sheet per frame.

    Args:
        frames: (N, C, H, W) in [-1, 1]; the last is held for 2 s.
        columns: of the sheets.
    """
    sheets = [contact_sheet(frame.clamp(-1, 1), columns) for frame in frames]
    durations = [80] * (len(sheets) - 1) + [2000]  # milliseconds
    sheets[0].save(file, save_all=True, append_images=sheets[1:], duration=durations, loop=0)
