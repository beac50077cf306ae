"""Text for terminals and logs."""


def one_line(text: str) -> str:
    """Return a text with its line breaks and other control characters written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
