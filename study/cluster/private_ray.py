"""What a private Ray needs of this machine: a token, room for sockets' names, an allocator."""

import os
import secrets
import sys
import tempfile
from pathlib import Path

from study.cluster.address import ray_temporary_folder
from study.spec.errors import MachineError

SOCKET = "ray/session_2000-01-01_00-00-00_000000_{pid}/sockets/plasma_store"
"""The longest path that Ray makes for a socket below the folder for temporary files."""

MOST_BYTES = 103 if sys.platform == "darwin" else 107
"""The longest path of a socket that the system takes."""

ALLOCATOR = {
    "RAY_LD_PRELOAD_ON_WORKERS": "1",
    "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0,narenas:1",
}
"""Environment by which Ray on Linux gives workers the jemalloc that it ships and runs itself on.

The options have a process keep the memory that it frees: each training step needs the same again,
and fetching it from the system anew takes longer than jemalloc saves. All its threads keep it in
one place: each trial has a thread of its own, and what several places keep grows to gigabytes.
"""


def choose_allocator() -> None:
    """Have the Ray that this process starts give its workers jemalloc, unless the user chose.

    It follows ``RAY_LD_PRELOAD_ON_WORKERS=0``, and ``LD_PRELOAD`` that names another allocator.
    """
    for name, value in ALLOCATOR.items():
        os.environ.setdefault(name, value)


def check_machine() -> None:
    """Raise MachineError where a private Ray could not start; make its token if there is none."""
    make_token()
    folder = ray_temporary_folder()
    name = "RAY_TMPDIR" if os.environ.get("RAY_TMPDIR") else "TMPDIR"
    most = MOST_BYTES - len(f"/{SOCKET.format(pid=os.getpid())}")
    if len(os.fsencode(folder)) > most:
        raise MachineError(
            f"{name} is {folder}; expected at most {most} bytes, since the path of a socket of Ray "
            f"below it has {MOST_BYTES} at most: RAY_TMPDIR=/tmp sets another folder for Ray alone"
        )
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise MachineError(
            f"{name} is {folder}; expected a folder that can be written, for Ray's temporary files"
        )


def make_token() -> None:
    """Make the token that guards a private Ray, unless there is one.

    Ray itself makes it for all to read. Here its owner alone can read it from the start, and it is
    in its place in one step.

    Raises:
        MachineError: the home folder cannot be written.
    """
    elsewhere = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    if elsewhere or os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return
    token = Path.home() / ".ray" / "auth_token"
    try:
        if token.exists():
            return
        token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=token.parent, prefix=".new-") as folder:
            new = Path(folder, "auth_token")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            if not token.exists():
                new.rename(token)
    except OSError as error:
        raise MachineError(
            f"HOME is {Path.home()}; expected a folder that can be written: Ray keeps its token in "
            f"{token.parent} ({error.strerror}), and downloads and features are cached in HOME too"
        ) from None
