"""Pictures for people: contact sheets of small images, each brought to its own range or not."""

from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

TILE = 32  # images are enlarged up to this side, in pixels


def rescale(images: Tensor) -> Tensor:
    """Bring each of (N, C, H, W), of any range, to its own least value at -1 and greatest at 1.

    As matplotlib's ``imshow`` does with an image of one channel.
    """
    low, high = (f(images, dim=(1, 2, 3), keepdim=True) for f in (torch.amin, torch.amax))
    return (images - low) / (high - low).clamp_min(torch.finfo(images.dtype).tiny) * 2 - 1


def contact_sheet(images: Tensor, columns: int = 8) -> Image.Image:
    """Lay (N, C, H, W) in [-1, 1] out row by row; small images are enlarged in whole steps."""
    from torchvision.utils import make_grid  # seconds to import, and needed here alone

    scale = max(1, TILE // images.shape[-1])
    enlarged = images.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    grid = make_grid((enlarged + 1) / 2, nrow=columns, padding=2, pad_value=0.5)  # (3, H, W)
    pixels = (grid.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy()).convert(
        "RGB" if images.shape[1] == 3 else "L"
    )


def overview(stages: Mapping[str, Tensor], columns: int = 8) -> Image.Image:
    """The stages of a run below each other, named, two rows of images each."""
    sheets = {
        name: contact_sheet(images[: 2 * columns], columns) for name, images in stages.items()
    }
    label = 16  # height of a name, in pixels
    width = max(sheet.width for sheet in sheets.values())
    height = sum(sheet.height + label for sheet in sheets.values())
    page = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(page), 0
    for name, sheet in sheets.items():
        draw.text((2, top + 2), name, fill="black")
        page.paste(sheet, (0, top + label))
        top += label + sheet.height
    return page


def save_animation(frames: list[Tensor], file: Path) -> None:
    """A GIF of contact sheets, the last one held for two seconds; each of (N, C, H, W)."""
    sheets = [contact_sheet(frame.clamp(-1, 1)) for frame in frames]
    durations = [80] * (len(sheets) - 1) + [2000]  # milliseconds
    sheets[0].save(file, save_all=True, append_images=sheets[1:], duration=durations, loop=0)
