"""The file that TensorBoard reads."""

import socket

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from study.engine.event_file import EventFile


def test_tensorboard_reads_it_and_its_name_is_not_the_machines(tmp_path):
    events = EventFile(tmp_path)
    for step, value in ((1, 0.5), (2, 0.25)):
        events.add_scalar("loss", value, step)
    events.flush()
    (file,) = tmp_path.iterdir()
    assert not file.name.endswith(socket.gethostname())
    found = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(each.step, each.value) for each in found] == [(1, 0.5), (2, 0.25)]
    events.close()
