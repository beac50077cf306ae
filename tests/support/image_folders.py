"""Folders of small images of one's own."""

from pathlib import Path

import numpy as np
from PIL import Image


def save_images(
    folder: Path, count: int, seed: int = 0, levels: tuple[int, int] = (0, 256)
) -> None:
    """Save that many grey images of 4×4 px; another seed gives others, ``levels`` their range."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(seed)
    for index in range(count):
        image = rng.randint(*levels, size=(4, 4), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{index}.png")
