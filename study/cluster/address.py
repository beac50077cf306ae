"""The address of a running Ray cluster, tried before Ray itself waits minutes for an answer."""

import os
import socket
from pathlib import Path

from study.spec.errors import SettingError

AUTO = "auto"

TRY_S = 5.0
"""Seconds to wait for a connection, and for the first bytes of an answer."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What a client of HTTP/2, and so of gRPC, says first: the preface, and empty settings."""

SETTINGS = 4
"""The type of the frame with which a server of HTTP/2 answers, the fourth byte of what it sends."""

EXPECTED = "auto or HOST:PORT of a running Ray cluster"


def ray_temporary_folder() -> Path:
    """Return the folder in which Ray makes its own, by its environment variables."""
    return Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp")


def check_address(address: str) -> None:
    """Raise SettingError unless a server that Ray could be answers at ``--ray-address``."""
    place = _latest() if address == AUTO else address
    if place is None:
        return  # Ray says at once whether it finds one
    host, _, port = place.rpartition(":")
    if not (
        host and "/" not in host and port.isascii() and port.isdigit() and 0 < int(port) < 2**16
    ):
        raise SettingError("ray_address", address, f"{EXPECTED}, from a node of the cluster")
    try:
        answer = _first_bytes(host.strip("[]"), int(port))
    except OSError as error:
        reason = f"nothing answers at {place}: {error.strerror or error}"
        raise SettingError("ray_address", address, f"{EXPECTED}; {reason}") from None
    if answer[3:4] != bytes((SETTINGS,)) and os.environ.get("RAY_USE_TLS") != "1":
        reason = f"what answers at {place} is not Ray"
        raise SettingError("ray_address", address, f"{EXPECTED}; {reason}")


def _latest() -> str | None:
    """Return the address of the cluster that ``ray start`` began last on this machine."""
    file = ray_temporary_folder() / "ray" / "ray_current_cluster"
    begun = file.read_text().strip() if file.is_file() else None
    return os.environ.get("RAY_ADDRESS") or begun or None


def _first_bytes(host: str, port: int) -> bytes:
    """Return what a server says to a client of HTTP/2; empty if it says nothing in time."""
    with socket.create_connection((host, port), TRY_S) as connection:
        connection.settimeout(TRY_S)
        try:
            connection.sendall(PREFACE)
            return connection.recv(9)
        except OSError:
            return b""
