"""A trial for TensorBoard, in a file whose name does not name the machine."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import hparams, image, scalar, text


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

    def add_image(self, name: str, pixels: npt.NDArray[np.uint8], step: int) -> None:
        """Add an image (height, width, 3)."""
        self._write(step=step, summary=image(name, pixels, dataformats="HWC"))

    def add_text(self, name: str, markdown: str) -> None:
        """Add a text."""
        self._write(summary=text(name, markdown))

    def begin_hyperparameters(self, values: Mapping[str, Any]) -> None:
        """Make this file a line under HParams, which has its scalars as metrics."""
        _, begin, _ = hparams(dict(values), {})
        self._write(summary=begin)

    def end_hyperparameters(self) -> None:
        """Say under HParams that the trial has ended well."""
        _, _, end = hparams({}, {})
        self._write(summary=end)

    def _write(self, **fields: object) -> None:
        self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())

    def flush(self) -> None:
        """Have what was added read by others."""
        self._records.flush()

    def close(self) -> None:
        """Close the file."""
        self._records.close()
