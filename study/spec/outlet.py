"""A stream for messages that may lose its reader: a terminal that is closed, or ``| head``."""

import os
import sys
from typing import IO, Any, cast


class Outlet:
    """A text stream that drops what cannot be written, once it has said so.

    Python writes what is left in its buffers when it exits, so the stream is led to nowhere.

    Args:
        stream: None if the process was started without one.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream: Any = stream or open(os.devnull, "w")  # noqa: SIM115 - as long as the process
        self.error: OSError | None = None
        """Why nothing can be written any more."""
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # whatever its encoding lacks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if self.error:
            return
        self.error = error
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except OSError:  # it is no file of the system: nothing is left in a buffer
            pass
        if sys.stderr is not None and sys.stderr is not self:
            line = f"the output is lost ({error.strerror}); the work goes on"
            print(line, file=Outlet.of(sys.stderr))

    @classmethod
    def of(cls, stream: IO[str] | None) -> IO[str]:
        """Return an outlet to the stream, which may be one already."""
        return cast(IO[str], stream if isinstance(stream, cls) else cls(stream))
