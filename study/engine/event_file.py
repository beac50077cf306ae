"""The metrics of a trial for TensorBoard, in a file whose name does not name the machine."""

import time
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar


class EventFile:
    """A file of TensorBoard events in a trial's folder.

    TensorBoard's own writer puts the host's name at the end of the file's name, and results are
    shared.
    """

    def __init__(self, folder: Path) -> None:
        self._records = RecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}"))
        self._write(file_version="brain.Event:2")

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Add a metric's value."""
        self._write(step=step, summary=scalar(name, value))

    def _write(self, **fields: object) -> None:
        self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())

    def flush(self) -> None:
        """Have what was added read by others."""
        self._records.flush()

    def close(self) -> None:
        """Close the file."""
        self._records.close()
