"""Where the user's folders of images lie. The user's cache says it, since results are shared.

A study knows its images by their hash. So ``--resume`` finds them again on the machine that began
the study, without ``--dataset``.
"""

from pathlib import Path

from dipddpm.cache import cache_folder
from study.results.files import write_text


def remember(images_hash: str, folder: str) -> None:
    """Note in which folder the images of this hash lie."""
    file = _file(images_hash)
    file.parent.mkdir(exist_ok=True)
    write_text(file, folder)


def recall(images_hash: str) -> str | None:
    """Return the folder in which the images of this hash lay, if it is known and still there."""
    file = _file(images_hash)
    folder = file.read_text(encoding="utf-8") if file.is_file() else ""
    return folder if folder and Path(folder).is_dir() else None


def _file(images_hash: str) -> Path:
    return cache_folder() / "folders" / images_hash
