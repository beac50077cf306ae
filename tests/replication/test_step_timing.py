"""Interleaved timing: who meets whom."""

import dataclasses

import pytest
import torch

from study.cluster.capacity import this_machine
from study.replication import step_timing
from study.replication.condition_names import ALONE, LOADERS, SETTINGS
from study.replication.design import resolve_design
from study.results.folder import TIMING_FILE, read_rows


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setattr(step_timing, "ROUNDS", 2)
    monkeypatch.setattr(step_timing, "LOADER_ROUNDS", 2)
    return resolve_design({"train_size": 130}, this_machine())


def test_every_item_is_timed_in_every_round_once(settings, tmp_path):
    step_timing.measure(settings, tmp_path)
    lines = read_rows(tmp_path / TIMING_FILE)
    items = {}
    for line in lines:
        items.setdefault((line["group"], line["item"]), []).append(line["round"])
    assert all(rounds == [0, 1] for rounds in items.values())
    assert [item for group, item in items if group == LOADERS] == [
        "per-image loader",
        "network and per-image loader",
        "tensor-dataset loader",
        "network and tensor-dataset loader",
        "tensor loader",
        "network and tensor loader",
        "network",
    ]
    names = [item for group, item in items if group == SETTINGS]
    assert ALONE in names
    assert len(names) == 8  # and the original's seven settings, the missing middle included
    assert all(line["seconds"] > 0 for line in lines)


def test_on_a_cluster_a_node_measures(settings, tmp_path, monkeypatch):
    asked = []

    def call(function, device, cpus, gpus):
        asked.append((device, cpus, gpus))
        return function("cpu")

    monkeypatch.setattr(step_timing.nodes, "call", call)
    plan = dataclasses.replace(settings.plan, cpus_per_trial=1.0, gpus_per_trial=0.5)
    step_timing.measure(dataclasses.replace(settings, plan=plan, ray_address="auto"), tmp_path)
    assert asked == [("cuda", 1.0, 0.5)]
    assert len(read_rows(tmp_path / TIMING_FILE)) == 2 * (8 + 7)


def test_each_setting_learns_from_images_of_its_own(settings, monkeypatch):
    """What would make a step slower must be there to be seen."""
    seen = {}
    trainer = step_timing.Trainer

    def spy(config, images, start):
        seen[config.prior, config.dip_lr, config.ddpm_lr, config.std] = images
        return trainer(config, images, start)

    monkeypatch.setattr(step_timing, "Trainer", spy)
    step_timing.time_settings(dataclasses.replace(settings.run, dip_steps=2), torch.device("cpu"))
    assert len(seen) == 8
    first = seen.pop(("none", 1e-3, 1e-3, 1.0))
    assert all(not torch.equal(first, images) for images in seen.values())
