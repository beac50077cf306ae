"""Runs kept on this machine's disk between the checkpoints that Ray has of them."""

import shutil
import tempfile
import time
from pathlib import Path

from dipddpm.pipeline import STATE_FILE, Run


class Keeper:
    """Saves a run while it goes on, so that a crash costs minutes where evaluations are far apart.

    Before the first evaluation only: from then on Ray has checkpoints.
    """

    def __init__(self, folder: Path, every_s: float = 60.0) -> None:
        self.folder, self.every_s = folder, every_s
        self.run: Run | None = None
        self._saved = time.monotonic()

    @property
    def kept(self) -> bool:
        return (self.folder / STATE_FILE).exists()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """A run's progress; an epoch that is about to be evaluated is saved by that."""
        if self.run is None or done == total or time.monotonic() - self._saved < self.every_s:
            return
        between = done % self.run.config.eval_every != 0 if stage == "ddpm" else self.run.fit
        if between:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder) as name:
                self.run.save(Path(name))
                (Path(name) / STATE_FILE).replace(self.folder / STATE_FILE)
            self._saved = time.monotonic()

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
