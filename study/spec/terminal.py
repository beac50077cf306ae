"""Text for terminals and logs of any kind."""

import io
import sys


def print_in_any_encoding() -> None:
    """Have characters that the terminal or the log cannot show printed as ``?``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def one_line(text: str) -> str:
    """Return a text with its line breaks and other control characters written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
