"""A checkpoint on this machine's disk, for a run whose first evaluation is far away."""

import shutil
import time
from pathlib import Path

from dipddpm.checkpoint import holds_state
from dipddpm.pipeline import Run


class LocalCheckpoint:
    """The state of a run between its start and its first evaluation, after which Ray has it.

    A crash then costs a minute, where a first evaluation can be an hour away. The object is the
    progress callback of ``run``, which is set once it exists.

    Args:
        folder: where the state is written; it is made when it is needed.
        every_s: the least seconds between two writes.
    """

    def __init__(self, folder: Path, every_s: float = 60.0) -> None:
        self.folder, self.every_s = folder, every_s
        self.run: Run | None = None
        self._saved = time.monotonic()

    @property
    def exists(self) -> bool:
        """Whether there is a state to go on from; one that is damaged is none."""
        return holds_state(self.folder)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Write the state of the run, unless that was done less than ``every_s`` seconds ago."""
        if self.run is None or time.monotonic() - self._saved < self.every_s:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run.save(self.folder)
        self._saved = time.monotonic()

    def drop(self) -> None:
        """Delete the state and write no more: from now on Ray has a checkpoint."""
        self.run = None
        shutil.rmtree(self.folder, ignore_errors=True)
