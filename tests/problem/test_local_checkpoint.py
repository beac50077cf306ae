"""A run that is killed before its first evaluation goes on from this machine's disk."""

import dataclasses
import json

import pytest

from dipddpm.checkpoint import STATE_FILE
from dipddpm.pipeline import Run
from study.problem.local_checkpoint import LocalCheckpoint


def last(run: Run) -> str:
    """The last record, without the seconds in it."""
    *_, record = run.records()
    return json.dumps({k: v for k, v in record.row().items() if not k.endswith("_s")})


class Killed(Exception):
    """In place of a kill -9."""


@pytest.mark.parametrize("killed_at", [("dip", 3), ("ddpm", 1), ("ddpm", 3), ("ddpm", 4)])
def test_a_run_that_was_killed_goes_on_from_its_checkpoint(tiny, tmp_path, killed_at):
    """In the prior's fit, between epochs, and between the last epoch and its evaluation."""
    config = dataclasses.replace(tiny, eval_every=4)
    local = LocalCheckpoint(tmp_path / "local", every_s=0)

    def progress(stage: str, done: int, total: int) -> None:
        local(stage, done, total)
        if (stage, done) == killed_at:
            raise Killed

    local.run = Run(config, progress=progress)
    with pytest.raises(Killed):
        last(local.run)
    assert local.exists
    seen = []
    again = Run.load(local.folder, progress=lambda *event: seen.append(event[:2]))
    assert last(again) == last(Run(config))
    assert killed_at not in seen


def test_an_evaluation_that_was_still_to_come_is_not_missed(tiny, tmp_path):
    run = Run(tiny, progress=lambda stage, done, total: stage == "ddpm" and run.save(tmp_path))
    expected = next(run.records())
    again = next(Run.load(tmp_path).records())
    assert (again.epoch, again.loss, again.scores["fid"]) == (
        expected.epoch,
        expected.loss,
        expected.scores["fid"],
    )


def test_a_state_that_is_damaged_is_none(tiny, tmp_path):
    local = LocalCheckpoint(tmp_path / "local", every_s=0)
    local.run = Run(tiny, progress=local)
    next(local.run.records())
    assert local.exists
    state = local.folder / STATE_FILE
    whole = state.read_bytes()
    for damaged in (whole[: len(whole) // 2], bytes(len(whole)), b""):
        state.write_bytes(damaged)
        assert not local.exists


def test_not_more_often_than_asked_for(tiny, tmp_path):
    local = LocalCheckpoint(tmp_path / "local", every_s=1000)
    local.run = Run(dataclasses.replace(tiny, eval_every=4), progress=local)
    last(local.run)
    assert not local.exists


def test_once_ray_has_a_checkpoint_there_is_none_here(tiny, tmp_path):
    local = LocalCheckpoint(tmp_path / "local", every_s=0)
    local.run = Run(tiny, progress=local)
    records = local.run.records()
    next(records)
    assert local.exists
    local.drop()
    next(records)
    assert not local.exists
