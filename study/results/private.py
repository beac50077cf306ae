"""What messages and results may show of a URL or an error: results are shared, logs are sent.

A library's own masking is not enough: SQLAlchemy's hides neither what stands in a query nor a
password that was not escaped, and pyarrow's errors quote the whole URI.
"""

import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

OF_THE_MACHINE = ("pid", "hostname", "node_ip")
"""What Ray's own records of an evaluation say of the machine that it ran on."""

FOLDERS = re.compile(r"(?<![\w.])/(?=[^\s/])(?:[^/:'\"\n]+/)+")
"""Matches the folders of an absolute path, with blanks in their names too."""

SHORT = 4
"""A secret of fewer characters is masked only where it stands alone: it is a part of many words."""


def redacted(url: str) -> str:
    """Return a URL for messages: without user, password and options.

    Where they end cannot be told if a password holds ``?`` or ``#`` as it is; only the scheme is
    left then.
    """
    scheme, separator, credentials, place, options = _parts(url)
    if set(credentials) & set("?#"):
        return f"{scheme}{separator}***"
    masked = "***@" if credentials else ""
    return f"{scheme}{separator}{masked}{place}{'?***' if options else ''}"


def shareable(url: str) -> str:
    """Return a database's URL for results: its scheme and its name, neither host nor folders.

    What it returns is unchanged by it.
    """
    scheme, separator, credentials, place, _ = _parts(url)
    name = "" if set(credentials) & set("?#") else place.rpartition("/")[2]
    return f"{scheme}{separator}***/{name}"


def scrubbed(text: str, url: str) -> str:
    """Return an error's text without the credentials of a URL that it may quote."""
    _, _, credentials, _, _ = _parts(url)
    options = re.split(r"[?&;]", url)[1:]
    secrets = {credentials, *credentials.split(":", 1)}
    secrets |= {option.partition("=")[2] for option in options}
    secrets |= {unquote_plus(secret) for secret in secrets}
    text = text.replace(url, redacted(url))
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        pattern = re.escape(secret)
        text = re.sub(pattern if len(secret) >= SHORT else rf"\b{pattern}\b", "***", text)
    return text


def _parts(url: str) -> tuple[str, str, str, str, str]:
    """Return scheme, ``://``, credentials, the place behind them, and the options of a URL.

    An ``@`` ends the credentials; the last one does, so that a password can hold others.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    credentials, _, place = rest.rpartition("@")
    place, _, options = place.replace("#", "?").partition("?")
    return scheme, separator, credentials, place, options


def without_folders(text: str) -> str:
    """Return an error's text with absolute paths shortened to their last part."""
    for place in (Path.home(), Path.cwd(), Path(tempfile.gettempdir())):
        text = text.replace(f"{place}/", "/…/") if place != Path("/") else text
    return FOLDERS.sub("…/", text)


def without_machine(record: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation as Ray reports it, without what names the machine."""
    return {key: value for key, value in record.items() if key not in OF_THE_MACHINE}
