"""``python study/reproduce.py --preset compact``: seeds in groups, with runs that learn nothing."""

import collections
import json

import pandas as pd
import pytest
from support.toy_replication import toy_run

from study.commands import reproduce
from study.replication.condition_names import ALONE, suspects_name
from study.replication.schedule import AT_FULL_LENGTH, DECISIVE
from study.results.files import write_csv
from study.results.folder import TIMING_FILE

pytestmark = pytest.mark.slow  # a hundred trials, small as they are

SMALL = ("--dataset", "digits", "--train-size", "160", "--max-epochs", "1", "--dip-steps", "2")


@pytest.fixture
def at_once(monkeypatch, ray_local):
    """Nothing is timed, and no run learns."""

    def measure(settings, folder):
        write_csv(folder / TIMING_FILE, ("group", "item", "round", "seconds"), [])

    monkeypatch.setattr(reproduce.step_timing, "measure", measure)
    monkeypatch.setattr(reproduce, "announce_time", lambda session: [])
    monkeypatch.setattr(reproduce, "trainable", lambda *_: toy_run)


def seeds_of(folder) -> dict[str, list[int]]:
    trials = pd.read_csv(folder / "trials.csv")
    assert set(trials.status) == {"completed"}
    found = collections.defaultdict(list)
    for name, seed in zip(trials.condition, trials.seed, strict=True):
        found[name].append(seed)
    return {name: sorted(seeds) for name, seeds in found.items()}


def test_open_claims_get_seeds_until_all_is_said(at_once, tmp_path, capsys):
    flags = [*SMALL, "--preset", "compact", "--seeds", "3", "--results-dir", str(tmp_path)]
    assert reproduce.main([*flags, "--name", "toy"]) == 0
    said = capsys.readouterr().out
    seeds = seeds_of(tmp_path / "toy")
    assert {name: seeds[name] for name in DECISIVE} == {name: [1, 2, 3] for name in DECISIVE}
    assert {name: seeds[name] for name in AT_FULL_LENGTH} == {name: [0] for name in AT_FULL_LENGTH}
    # what decides no claim comes after all that do
    order = list(dict.fromkeys(pd.read_csv(tmp_path / "toy" / "trials.csv").condition))
    rest = suspects_name("range", "norm")
    assert order.index(rest) > max(order.index(name) for name in (*DECISIVE, *AT_FULL_LENGTH))
    assert "more runs, for claims that are open or conditions left" in said
    assert "left out: as reported: dip_lr 0.001, ddpm_lr 0.0005, std 1.2 (0 of 1 runs)" in said
    assert "DIP alone (0 of 1 runs)" not in said
    assert json.loads((tmp_path / "toy" / "study.json").read_text())["looks"] == [3]

    # another session with more seeds looks again, at the looks that follow those planned
    resume = ["--resume", "toy", "--results-dir", str(tmp_path)]
    assert reproduce.main([*resume, "--seeds", "4"]) == 0
    assert seeds_of(tmp_path / "toy")[ALONE] == [1, 2, 3, 4]
