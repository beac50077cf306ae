"""The folder in which downloads and trained features are kept for the user."""

import os
import tempfile
from pathlib import Path

from dipddpm.errors import DataError


def cache_folder() -> Path:
    """Return the user's cache folder of this library; make it if need be.

    Raises:
        DataError: it cannot be made or written.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dipddpm"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror}); downloads and features are kept "
            "there: set XDG_CACHE_HOME to a folder that can be"
        ) from None
