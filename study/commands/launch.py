"""The start of a command: what a signal or a lost terminal does from the first moment on."""

import atexit
import contextlib
import os
import sys
import threading
from importlib import import_module
from typing import Any, NoReturn

from study.spec.interrupts import exit_status, handled_by, raising
from study.spec.outlet import Outlet

EXIT_S = 15.0
"""The most seconds that the exit of a process may take once its work is done."""


def launch(module: str, prog: str, argv: list[str] | None = None) -> int:
    """Import the module of a command and run it; return its exit status.

    A signal leaves one line, also while torch and Ray are imported, which takes seconds.

    Args:
        prog: what the command is called in messages.
        argv: its arguments; those of this process without them.
    """
    sys.stdout, sys.stderr = Outlet.of(sys.stdout), Outlet.of(sys.stderr)

    def leave(number: int, _: Any) -> NoReturn:
        # an exception could get lost in what is being imported, or leave a trace of it
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(2, f"{prog}: interrupted before it began\n".encode())
        os._exit(128 + number)

    try:
        with raising():
            with handled_by(leave):
                run = import_module(module).main
            status: int = run(argv, prog)
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        status = exit_status()
    atexit.register(_leave_soon, status)  # before what Ray has registered
    return status


def _leave_soon(status: int) -> None:
    """End the process in :data:`EXIT_S` at the latest: Ray waits without end for what hangs."""
    guard = threading.Timer(EXIT_S, os._exit, (status,))
    guard.daemon = True
    guard.start()
