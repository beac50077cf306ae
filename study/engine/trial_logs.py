"""What Ray's own loggers would write of each trial: for Ray's readers of results and TensorBoard.

Ray's loggers write elsewhere, copy everything again and again, and lose what was not yet copied.
TensorBoard's file is written here in the calling thread: the usual writer has a thread of its own,
which dies of a full disk and is then waited for without end.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from ray.tune.utils.util import SafeFallbackEncoder  # type: ignore[attr-defined]

from study.engine.event_file import EventFile
from study.engine.recovery import RESULT_FILE
from study.engine.reporting import METRICS
from study.results.files import write_text
from study.results.private import without_machine


class TrialLogs:
    """The logs of all trials, a folder each.

    Args:
        folder: the folder of these folders.
        resource: name of what trials spend.
    """

    def __init__(self, folder: Path, resource: str) -> None:
        self.folder, self.resource = folder, resource
        self._writers: dict[str, EventFile] = {}

    def log(self, trial_id: str, config: dict[str, Any], result: dict[str, Any]) -> None:
        """Write an evaluation; one that could not be written whole can be written again.

        Raises:
            OSError: it cannot be written.
        """
        folder = self.folder / trial_id
        folder.mkdir(parents=True, exist_ok=True)
        if trial_id not in self._writers:
            write_text(folder / "params.json", json.dumps(config, cls=SafeFallbackEncoder))
            self._writers[trial_id] = EventFile(folder)
        writer, step = self._writers[trial_id], result[self.resource]
        for name, value in result[METRICS].items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                writer.add_scalar(name, value, step)
        writer.flush()
        line = json.dumps(without_machine(result), cls=SafeFallbackEncoder)
        _append(folder / RESULT_FILE, line + "\n")

    def close(self, trial_id: str) -> None:
        """Close the files of a trial that has ended."""
        if writer := self._writers.pop(trial_id, None):
            writer.close()

    def close_all(self) -> None:
        """Close all files; :meth:`log` opens new ones."""
        for trial_id in list(self._writers):
            self.close(trial_id)


def _append(path: Path, line: str) -> None:
    """Add a line to a file, or leave it as it was."""
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a") as file:
            file.write(line)
    except OSError:
        os.truncate(path, size)
        raise
