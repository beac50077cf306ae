"""A power cut at any moment of a study loses nothing that had been recorded.

The recorder is driven as Ray drives it, on a disk on which each state is kept; from each state the
study's folder is made again as a power cut may leave it, and recovered.
"""

import collections
import json
import random
from pathlib import Path
from types import SimpleNamespace

import pyarrow.fs
import pytest
from PIL import Image
from rich.console import Console
from support.power_cut import WatchedDisk, write
from support.toy_problem import TOY

from study.engine.checkpoints import seal
from study.engine.notices import Notices
from study.engine.recorder import Recorder
from study.engine.recovery import recover
from study.engine.reporting import METRICS, PLACE, picture_path
from study.engine.samplers import make_scheduler
from study.engine.terminal import Display
from study.page.refresher import LivePage
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.results.remote import RemotePath


class FakeTrial:
    """A trial as Ray's callbacks get it, and its worker."""

    def __init__(self, trial_id: str, y: float, folder: Path) -> None:
        self.trial_id, self.config = trial_id, {"x": 1.0, "y": y, "seed": 1}
        self.folder, self.done = folder / "ray" / trial_id, 0
        self.checkpoint = None

    def evaluate(self, desk: Path, disk: WatchedDisk) -> dict:
        """Make a checkpoint elsewhere and copy it file by file, as Ray does without a sync."""
        self.done += 1
        made = desk / f"{self.trial_id}-{self.done}"
        made.mkdir()
        (made / "state.json").write_text(json.dumps({"done": self.done}))
        for stage in TOY.stages:
            Image.new("L", (4, 4), 40 * self.done).save(picture_path(made, stage.name))
        seal(made)
        name = f"checkpoint_{self.done - 1:06}"
        local = pyarrow.fs.LocalFileSystem()
        for source in sorted(path for path in made.rglob("*") if path.is_file()):
            target = self.folder / name / source.relative_to(made)
            local.create_dir(str(target.parent))
            local.copy_file(str(source), str(target))
            disk.look()
        self.checkpoint = SimpleNamespace(filesystem=local, path=str(self.folder / name))
        metrics = {"error": abs(self.config["y"]) + 1 / self.done, "bound": 0.25, "price": 1.0}
        return {
            METRICS: {**metrics, "work_s": 0.1 * self.done, "process": 1},
            PLACE: {"node": "1", "gpus": ""},
            "round": self.done,
            "checkpoint_dir_name": name,
        }


def recorder_of(folder: ResultsFolder) -> Recorder:
    """A recorder without a database."""
    export = SimpleNamespace(put=lambda row: 0, evaluated=lambda row: 0, flush=lambda: 0)
    display = Display(TOY, 2, 2, (), Console(quiet=True))
    page, place = LivePage(folder.path, print), RemotePath.local(folder.path)
    return Recorder(TOY, folder, place, None, export, display, page, Notices(print), [])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A study of two trials, each of whose states is kept, and what it had promised by then.

    The promises are, by the number of states before them: a trial's round, or its row at its end.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.results.folder.RESERVE_BYTES", 0)
        patch.setattr("ray.nodes", lambda: [{"NodeID": "1", "NodeName": "here"}])
        yield from record(tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("desk"))


def record(results, desk):
    disk, promises = WatchedDisk(results), []
    with disk.watched():
        folder = ResultsFolder.create(results, "cut", TOY)
        recorder = recorder_of(folder)
        trials = [FakeTrial("aaaaaaaa", 0.1, folder.path), FakeTrial("bbbbbbbb", 0.2, folder.path)]
        for trial in trials:
            recorder.on_trial_start(0, trials, trial)
        for done in range(1, 5):
            for trial in trials:
                recorder.on_trial_result(0, trials, trial, trial.evaluate(desk, disk))
                promises.append((len(disk.moments), trial.trial_id, done, None))
                recorder.on_trial_save(0, trials, trial)
                if done == 4:
                    recorder.on_trial_complete(0, trials, trial)
                    row = next(r for r in folder.read_trials() if r["trial_id"] == trial.trial_id)
                    promises.append((len(disk.moments), trial.trial_id, done, row))
        folder.close()
    assert recorder.fatal is None
    yield disk, promises
    disk.close()


def lost_after(left, promised, place: Path) -> int:
    """The evaluations that are made again after a power cut; checks all else that must hold."""
    write(left, place)
    folder = ResultsFolder.reopen(place / "cut", TOY, {})
    said: list[str] = []
    scheduler = make_scheduler("none", TOY, 1, 2)
    rows, recovered = recover(folder, RemotePath.local(folder.path), scheduler, 1, said.append)
    folder.close()
    assert said == []  # the records agree
    assert [trial.status for trial in load_study(folder.path).trials] == [r["status"] for r in rows]
    assert {row["status"] for row in rows} <= {"completed", "interrupted"}
    rows_by_id = {row["trial_id"]: row for row in rows}
    for trial in recovered:
        if trial.checkpoint:
            state = folder.path / "ray" / trial.trial_id / trial.checkpoint / "state.json"
            if not trial.status.has_ended:
                assert json.loads(state.read_text())["done"] == trial.resource
    reached = collections.Counter({trial.trial_id: trial.resource for trial in recovered})
    lost = 0
    for trial_id, done, row in promised:
        lost += done > reached[trial_id]
        if row is not None:
            assert rows_by_id[trial_id] == row
            picture = Image.open(folder.path / "samples" / trial_id / "after.png")
            assert picture.getpixel((0, 0)) == 40 * row["round"]
    return lost


@pytest.mark.parametrize("luck", ["what was synced", "everything", "some of the rest"])
def test_no_power_cut_loses_a_trial_or_an_evaluation(luck, recorded, tmp_path):
    disk, promises = recorded
    luck = {"what was synced": False, "everything": True}.get(luck, random.Random(1))
    seen, lost = set(), 0
    for number, moment in enumerate(disk.moments):
        promised = tuple(p[1:] for p in promises if p[0] <= number + 1)
        left = disk.after_cut(moment, luck)
        if "cut/study.json" not in left:
            assert not promised
            continue
        key = json.dumps([sorted((k, str(v)) for k, v in left.items()), str(promised)])
        if key not in seen:
            seen.add(key)
            (place := tmp_path / f"cut-{number}").mkdir()
            lost += lost_after(left, promised, place)
    print(f"{len(disk.moments)} moments, {len(seen)} folders, {lost} evaluations lost")
    assert len(disk.moments) > 150
    assert lost == 0


def test_a_line_that_could_not_be_written_keeps_the_checkpoint_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ray.nodes", lambda: [{"NodeID": "1", "NodeName": "here"}])
    (desk := tmp_path / "desk").mkdir()
    folder = ResultsFolder.create(tmp_path, "full", TOY)
    recorder, (trial,) = recorder_of(folder), [FakeTrial("aaaaaaaa", 0.1, folder.path)]
    disk = WatchedDisk(folder.path)
    recorder.on_trial_start(0, [trial], trial)
    for _ in range(2):
        recorder.on_trial_result(0, [trial], trial, trial.evaluate(desk, disk))
        recorder.on_trial_save(0, [trial], trial)

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("study.results.folder.append", full)
    recorder.end_open_trials()
    folder.close()
    disk.close()
    assert recorder.fatal is not None
    assert [e["round"] for e in folder.read_history()] == [1]
    assert (trial.folder / "checkpoint_000000" / "state.json").exists()
