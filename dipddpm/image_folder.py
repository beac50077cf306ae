"""A folder of images as a data set: which files, and how each becomes a square of pixels."""

from pathlib import Path

import numpy as np
from PIL import Image

from dipddpm.errors import DataError

MIN_FOLDER = 100  # images; below, no split can be scored


def read_folder(root: Path, image_size: int, resize: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, C, H, W), levels 0 … 255, and labels (N,) of class sub-folders.

    The images are grey if every file is, else RGB.

    Args:
        root: the folder that holds a sub-folder per class.
        image_size: height and width of the result, in pixels.
        resize: ``crop`` the middle square first, or ``stretch``.

    Raises:
        DataError: there are too few images or classes, or a file is no image.
    """
    from torchvision.datasets import ImageFolder  # not needed by the other data sets

    try:
        files = ImageFolder(str(root)).samples
    except FileNotFoundError as error:
        raise DataError(f"{root} holds no images in class sub-folders: {error}") from error
    classes = len({label for _, label in files})
    if len(files) < MIN_FOLDER or classes < 2:
        raise DataError(
            f"{root} holds {len(files)} images in {classes} class sub-folders; at least "
            f"{MIN_FOLDER} images in 2 are needed to train, start, validate and test"
        )
    images = [read_image(Path(path)) for path, _ in files]
    mode = "L" if all(image.mode in ("1", "L") for image in images) else "RGB"
    pixels = np.stack([to_square(image.convert(mode), image_size, resize) for image in images])
    if (pixels == pixels[:1]).all():
        raise DataError(
            f"all {len(files)} images of {root} are the same; there is nothing to learn"
        )
    return pixels, np.array([label for _, label in files])


def read_image(path: Path) -> Image.Image:
    """Return the image in a file; raise DataError with the path for what is not an image."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for damaged files
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def to_square(image: Image.Image, size: int, resize: str) -> np.ndarray:
    """Return the image as (C, size, size), levels 0 … 255."""
    if resize == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    square = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    return square[None] if square.ndim == 2 else square.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
