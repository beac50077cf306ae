"""Writing a page: what the results do not need, so that it may fail."""

from collections.abc import Callable
from pathlib import Path

from study.results.files import write_text


def write_page(
    path: Path, draw: Callable[[], str], warn: Callable[[str], None] | None = None
) -> None:
    """Draw a page and write it.

    Args:
        warn: called with one line if the page cannot be drawn or written; without it the error is
            raised.
    """
    try:
        write_text(path, draw())
    except Exception as error:  # whatever is wrong with a page, its study goes on
        if warn is None:
            raise
        warn(f"the page could not be drawn: {type(error).__name__}: {error}".splitlines()[0])
