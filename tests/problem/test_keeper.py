"""Runs are kept between evaluations, and go on from there to the same end."""

import dataclasses
import json

import pytest

from dipddpm.pipeline import Run
from study.problem.keeper import Keeper


def last(run: Run) -> str:
    *_, record = run.records()
    values = dataclasses.asdict(record)
    return json.dumps({k: v for k, v in values.items() if not k.endswith("_s")})


class Killed(Exception):
    """In place of a kill -9."""


@pytest.mark.parametrize("restorer", ["unet", "original"])
@pytest.mark.parametrize("regime", ["clean", "noisy"])
def test_dip_goes_on_where_it_was_kept(tiny, tmp_path, restorer, regime):
    """Its state, not a new beginning: only what was left is done."""
    config = dataclasses.replace(tiny, restorer=restorer, regime=regime, dip_noise="once")
    keeper = Keeper(tmp_path / "kept", every_s=0)

    def progress(stage: str, done: int, total: int) -> None:
        keeper(stage, done, total)
        if done == 3:
            raise Killed

    keeper.run = Run(config, progress=progress)
    with pytest.raises(Killed):
        last(keeper.run)
    steps = []
    again = Run.load(keeper.folder, progress=lambda stage, done, total: steps.append((stage, done)))
    end = last(again)
    assert steps[0] == ("dip", 4)
    assert end == last(Run(config))
    assert again.restoration.seconds > float(again._cut_off["seconds"])


@pytest.mark.parametrize("killed_at", [1, 3])
def test_a_run_that_was_killed_goes_on_where_it_was_kept(tiny, tmp_path, killed_at):
    config = dataclasses.replace(tiny, eval_every=4)
    keeper = Keeper(tmp_path / "kept", every_s=0)

    def progress(stage: str, done: int, total: int) -> None:
        keeper(stage, done, total)
        if (stage, done) == ("ddpm", killed_at):
            raise Killed

    keeper.run = Run(config, progress=progress)
    with pytest.raises(Killed):
        last(keeper.run)
    assert keeper.kept
    again = Keeper(tmp_path / "kept", every_s=0)
    again.run = Run.load(again.folder, progress=again)
    assert again.run.trainer.epoch == killed_at
    assert last(again.run) == last(Run(config))
    again.drop()
    assert not again.kept


def test_an_epoch_that_is_evaluated_is_not_kept_as_well(tiny, tmp_path):
    """Its evaluation would be missed by the run that goes on."""
    keeper = Keeper(tmp_path / "kept", every_s=0)
    kept = []

    def progress(stage: str, done: int, total: int) -> None:
        keeper(stage, done, total)
        if stage == "ddpm" and keeper.kept:
            kept.append(done)
            keeper.drop()

    keeper.run = Run(dataclasses.replace(tiny, eval_every=2), progress=progress)
    last(keeper.run)
    assert kept == [1, 3]


def test_not_more_often_than_asked_for(tiny, tmp_path):
    keeper = Keeper(tmp_path / "kept", every_s=1000)
    keeper.run = Run(dataclasses.replace(tiny, eval_every=4), progress=keeper)
    last(keeper.run)
    assert not keeper.kept
