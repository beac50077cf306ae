"""DIP→DDPM as the engine sees it: every metric that the tables name is one that trials report."""

import dataclasses
import json

import pytest
from support import ROOT

from dipddpm.feature_store import load_features
from dipddpm.pipeline import dataset_of
from dipddpm.quality import SCORES
from study.cluster.capacity import this_machine
from study.problem import definition, trainable
from study.problem.definition import METRICS, describe
from study.problem.settings import resolve
from study.results.folder import ResultsFolder
from study.spec.problem import Metric


@pytest.fixture
def reported(tiny, monkeypatch):
    """What a trial reports, called without Ray."""

    def run() -> list[dict]:
        found = []
        monkeypatch.setattr(
            trainable, "report", lambda metrics, resource, checkpoint: found.append(metrics)
        )
        monkeypatch.setattr(trainable.tune, "get_checkpoint", lambda: None)
        monkeypatch.setattr(trainable.nodes, "device_here", lambda device: device)
        config = dataclasses.replace(tiny, epochs=2)
        trainable.train({}, config, load_features(dataset_of(config)), 1, "cpu")
        return found

    return run


def test_trials_report_every_metric_of_the_problem(reported):
    (metrics,) = reported()
    assert {metric.name for metric in METRICS} <= set(metrics)


def test_a_metric_from_outside_is_measured_reported_and_a_column(reported, tmp_path, monkeypatch):
    """One entry measures it, one names it."""

    def brightness(drawn):
        return float(drawn.images.mean() + 1) / 2

    monkeypatch.setitem(SCORES, "brightness", brightness)
    added = Metric("brightness", "mean grey value")
    monkeypatch.setattr(definition, "METRICS", (*METRICS, added))
    (metrics,) = reported()
    assert 0 < metrics["brightness"] < 1
    with ResultsFolder.create(tmp_path, "one", describe(resolve({}, this_machine()))) as folder:
        folder.append_history({"trial_id": "a", "epoch": 2, **metrics})
        (row,) = folder.read_history()
    assert row["brightness"] == metrics["brightness"]


def test_the_caution_is_what_the_benchmarks_found(tmp_path):
    """The page tells it beside each verdict."""
    data = ROOT / "benchmarks" / "data"
    found = json.loads((data / "search-luck.json").read_text())
    luck = found["rows"][0]["deviation"]
    assert f"In {found['searches']} searches" in definition.SEARCH_LUCK
    assert f"varied by {100 * luck:.0f} %" in definition.SEARCH_LUCK
    rows = json.loads((data / "pair-noise.json").read_text())["rows"]
    assert any((row["ratio_300"] < 1) != (row["ratio_other"] < 1) for row in rows)  # turned round
    assert describe(resolve({}, this_machine())).caution == definition.SEARCH_LUCK
    own = describe(resolve({"dataset": str(tmp_path)}, this_machine()))  # which has one network
    assert own.caution == f"{definition.SEARCH_LUCK} {definition.ONE_NETWORK}"
