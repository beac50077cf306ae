"""The folder in which downloads and trained features are kept for the user."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder of this library; make it if need be."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dipddpm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
