"""Trackers, by what they hold of a study that has ended; and trackers that fail."""

import dataclasses
import functools
import importlib.util
import io
import json
import struct
import warnings

import pytest
from rich.console import Console
from support.toy_problem import PLAN, RAISES, TOY, toy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from study.engine.runner import run_study
from study.engine.trackers import (
    PACKAGES,
    MLflow,
    TensorBoard,
    TrackedTrial,
    check_installed,
    make_trackers,
)
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.spec.errors import SettingError
from study.spec.status import TrialStatus

# what a tracker's own packages warn of is theirs to mend
pytestmark = pytest.mark.filterwarnings("default")

TAGS = {"dataset": "none at all"}


def run(folder: ResultsFolder, trackers, problem=TOY) -> str:
    """What a study of the toy printed whose four trials go to trackers."""
    plan = dataclasses.replace(PLAN, num_samples=4)
    console = Console(file=io.StringIO(), soft_wrap=True, markup=False)
    status = run_study(problem, toy, plan, folder, console=console, trackers=trackers)
    assert status == "finished"
    return console.file.getvalue()


@pytest.fixture(scope="module")
def logged(ray_local, tmp_path_factory):
    """A study whose trials went to all trackers that are installed; one of them failed."""
    points = ({"x": 1.0, "y": 0.5}, {"x": 2.0, "y": RAISES})
    problem = dataclasses.replace(TOY, start_points=points)
    place = tmp_path_factory.mktemp("results")
    names = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    with (
        warnings.catch_warnings(action="default"),
        pytest.MonkeyPatch.context() as patch,
        ResultsFolder.create(place, "toy", problem, {}) as folder,
    ):
        patch.setattr("study.engine.runner.MAX_FAILURES", 0)  # a try costs a new process
        output = run(folder, make_trackers(names, folder.path, folder.path, TAGS), problem)
    assert "go on without" not in output
    return load_study(folder.path)


def test_tensorboard_shows_parameters_curves_images_and_tags(logged):
    for trial in logged.trials:
        events = EventAccumulator(str(logged.folder / "tensorboard" / trial.trial_id)).Reload()
        content = events.summary_metadata
        begun = HParamsPluginData.FromString(
            content["_hparams_/session_start_info"].plugin_data.content
        ).session_start_info
        shown = {name: value.number_value for name, value in begun.hparams.items()}
        assert shown == {**trial.parameters, "seed": trial.seed}
        assert ("_hparams_/session_end_info" in content) == (trial.status != "failed")
        (tags,) = events.Tensors("tags/text_summary")[0].tensor_proto.string_val
        assert b"dataset: none at all" in tags
        if trial.curve:
            errors = [(event.step, event.value) for event in events.Scalars("error")]
            assert errors == [(e.resource, pytest.approx(e.metrics["error"])) for e in trial.curve]
            steps = [image.step for image in events.Images("after")]
            assert steps == [e.resource for e in trial.curve]
            assert [image.step for image in events.Images("before")] == [1]  # it does not change


def test_mlflow_shows_parameters_curves_images_and_tags(logged):
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    client = mlflow.MlflowClient(f"sqlite:///{logged.folder.parent / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("toy")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {trial.trial_id for trial in logged.trials}
    for trial in logged.trials:
        run = runs[trial.trial_id]
        assert run.info.status == ("FAILED" if trial.status == "failed" else "FINISHED")
        told = {"study": "toy", "part": "search", "status": trial.status, **TAGS}
        assert told.items() <= run.data.tags.items()
        parameters = {name: float(value) for name, value in run.data.params.items()}
        assert parameters == {**trial.parameters, "seed": trial.seed}
        history = client.get_metric_history(run.info.run_id, "error")
        curve = [(e.resource, e.metrics["error"]) for e in trial.curve]
        assert [(each.step, each.value) for each in history] == curve
        images = [f.path for f in client.list_artifacts(run.info.run_id, "images")]
        shown = {"before": {step for step, _ in curve[:1]}, "after": {step for step, _ in curve}}
        for stage, expected in shown.items():  # one step is shown at once, of several none
            steps = {int(name.split("step+")[1].split("+")[0]) for name in images if stage in name}
            assert steps == expected


def test_mlflow_goes_on_with_the_run_that_an_earlier_session_began(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    for session, end in enumerate((TrialStatus.INTERRUPTED, TrialStatus.COMPLETED), 1):
        tracker, trial = MLflow("toy", {}, tmp_path), TrackedTrial("abc", {"x": 1.0})
        tracker.begin(trial)
        tracker.log(trial, session, {"error": 1 / session})
        tracker.end(trial, end)
        client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
        (run,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
        assert run.info.status == ("KILLED" if session == 1 else "FINISHED")
    assert [m.step for m in client.get_metric_history(run.info.run_id, "error")] == [1, 2]


def test_wandb_keeps_parameters_curves_images_and_tags_offline(logged):
    pytest.importorskip("wandb", reason="wandb is not installed")
    runs = {}
    for file in sorted((logged.folder.parent / "wandb").glob("wandb/offline-run-*/*.wandb")):
        records = wandb_records(file.read_bytes())
        run = next(each.run for each in records if each.HasField("run"))
        history = [each.history for each in records if each.HasField("history")]
        # a trial that has waited at a rung has a file for each stretch
        runs[run.run_id] = run, [*runs.get(run.run_id, (run, []))[1], *history]
    assert set(runs) == {trial.trial_id for trial in logged.trials}
    for trial in logged.trials:
        run, history = runs[trial.trial_id]
        assert (run.project, run.run_group) == ("toy", "search")
        assert list(run.tags) == ["study: toy", "part: search", "dataset: none at all"]
        config = {each.key: json.loads(each.value_json) for each in run.config.update}
        assert {**trial.parameters, "seed": trial.seed}.items() <= config.items()
        lines = [
            {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in each.item
            }
            for each in history
        ]
        curve = [(line["round"], line["error"]) for line in lines]
        assert curve == [(e.resource, e.metrics["error"]) for e in trial.curve]
        assert all(line["after/_type"] == "image-file" for line in lines)


def wandb_records(content: bytes):
    """The records of an offline run: a log of LevelDB's format, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    records, parts, at = [], b"", 7  # after the file's header
    while at < len(content):
        if 2**15 - at % 2**15 < 7:  # no room for a header: the rest of the block is empty
            at += 2**15 - at % 2**15
            continue
        _sum, size, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last of several parts
            records.append(Record.FromString(parts))
            parts = b""
    return records


class Fails(TensorBoard):
    """A tracker that is lost at the second evaluation."""

    def log(self, trial, step, metrics):
        if step == 2:
            raise ConnectionError("the server [/home/someone] is gone")
        super().log(trial, step, metrics)


def never_begins():
    raise OSError("no such tracker")


def test_a_tracker_that_fails_is_told_of_once_and_fails_no_trial(ray_local, tmp_path):
    folder = ResultsFolder.create(tmp_path, "toy", TOY, {})
    trackers = {
        "lost": functools.partial(Fails, {}, tmp_path / "lost"),
        "absent": never_begins,
        "whole": functools.partial(TensorBoard, {}, tmp_path / "whole"),
    }
    with folder:
        output = run(folder, trackers)
    assert output.count("the trials go on without lost: ConnectionError: the server") == 1
    assert output.count("the trials go on without absent: OSError: no such tracker") == 1
    study = load_study(folder.path)
    assert {trial.status for trial in study.trials} <= {"completed", "stopped"}
    assert len(study.info["sessions"][0]["notices"]) == 2
    for trial in study.trials:
        events = EventAccumulator(str(tmp_path / "whole" / trial.trial_id)).Reload()
        assert [e.step for e in events.Scalars("error")] == [e.resource for e in trial.curve]


def test_unknown_and_missing_trackers_are_refused(monkeypatch):
    check_installed(["tensorboard"])
    for wrong in (["tensorbord"], ["tensorboard", "tensorboard"]):
        with pytest.raises(SettingError, match="one or more of mlflow, wandb, tensorboard"):
            check_installed(wrong)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingError, match="installed: pip install mlflow"):
        check_installed(["mlflow"])
