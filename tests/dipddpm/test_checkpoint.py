"""What a run leaves on disk: that it is no pickle, and that version 0.1's can still be read."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from support.power_cut import WatchedDisk

from dipddpm.checkpoint import STATE_FILE, holds_state, read_state, write_state
from dipddpm.errors import ConfigError
from dipddpm.pipeline import Run

EARLIER = Path(__file__).parent / "checkpoint-0.1"
"""Written by version 0.1 after step 3 of 4 of a restorer's fit."""


def read(folder: Path) -> tuple[dict, dict]:
    with safe_open(folder / STATE_FILE, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        return json.loads(file.metadata()["run"]), tensors


def test_networks_of_the_original_by_an_earlier_recipe_do_not_go_on():
    with pytest.raises(ConfigError, match=r"restorer is .original.; expected another: its recipe"):
        Run.load(EARLIER, "cpu")


@pytest.mark.parametrize("prior", ["restorer", "dip", "none"])
def test_a_run_that_version_0_1_saved_between_epochs_goes_on(tiny, tmp_path, prior):
    """It called the tensors otherwise, and kept the seconds among them."""
    run = Run(dataclasses.replace(tiny, prior=prior, prior_size=64))
    records = run.records()
    next(records)
    run.save(tmp_path)
    expected = next(records)
    state, tensors = read(tmp_path)
    if prior != "none":
        tensors["prior.seconds"] = tensors["best_loss"].new_tensor(state["prior_seconds"])
    del state["prior_seconds"], state["pending_loss"]
    earlier = {"prior": "dip", "ema": "kept.module"}
    renamed = {"kept.n_averaged": tensors["updates"].clone()}
    for name, value in tensors.items():
        first, *rest = name.split(".", 1)
        renamed[".".join([earlier.get(first, first), *rest])] = value
    save_file(renamed, tmp_path / STATE_FILE, {"run": json.dumps(state)})

    again = next(Run.load(tmp_path).records())
    assert again.dip_time_s == expected.dip_time_s
    assert (again.epoch, again.loss) == (expected.epoch, expected.loss)
    assert again.scores["fid"] == expected.scores["fid"]
    assert (again.dip_loss == expected.dip_loss) == (prior != "none")  # NaN


def test_a_run_that_version_0_2_saved_between_epochs_goes_on(tiny, tmp_path):
    """It had the averaged weights inside a module that counted as well."""
    run = Run(tiny)
    records = run.records()
    next(records)
    run.save(tmp_path)
    expected = next(records)
    state, tensors = read(tmp_path)
    renamed = {n.replace("ema.", "ema.module.", 1): value for n, value in tensors.items()}
    renamed["ema.n_averaged"] = tensors["updates"].clone()
    save_file(renamed, tmp_path / STATE_FILE, {"run": json.dumps(state)})

    again = next(Run.load(tmp_path).records())
    assert (again.loss, again.scores["fid"]) == (expected.loss, expected.scores["fid"])


def test_checkpoints_are_read_without_pickle(tiny, tmp_path):
    run = Run(tiny)
    next(run.records())
    run.save(tmp_path)
    state, _ = read(tmp_path)
    assert state["config"]["seed"] == tiny.seed


def test_before_a_run_has_begun_there_is_nothing_to_save(tiny, tmp_path):
    with pytest.raises(RuntimeError, match="before the run has begun"):
        Run(tiny).save(tmp_path)


def test_a_power_cut_leaves_the_state_or_the_one_before_it(tmp_path):
    (folder := tmp_path / "run").mkdir()
    write_state(folder, {"step": 1, "prior_seconds": 0.0}, {"weights": torch.ones(50)})
    disk, seen = WatchedDisk(tmp_path), []
    with disk.watched():
        write_state(folder, {"step": 2, "prior_seconds": 0.0}, {"weights": torch.zeros(50)})
    for moment in disk.moments:
        (folder / STATE_FILE).write_bytes(disk.after_cut(moment, luck=False)[f"run/{STATE_FILE}"])
        assert holds_state(folder)
        seen.append(read_state(folder)[0]["step"])
    disk.close()
    assert seen == sorted(seen)
    assert set(seen) == {1, 2}
