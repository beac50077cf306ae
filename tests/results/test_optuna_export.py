"""The Optuna export on real storages, and optuna-dashboard's own API on what it wrote."""

import dataclasses
import json
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from optuna_dashboard import wsgi
from PIL import Image
from support.toy_problem import TOY

from study.results.optuna_export import OptunaExport, check_storage, redacted, rename_studies
from study.spec.errors import SettingError

STATES = {
    "running": "RUNNING",
    "interrupted": "WAITING",
    "completed": "COMPLETE",
    "stopped": "PRUNED",
    "failed": "FAIL",
}


def row(trial_id, status, **more):
    return {
        "trial_id": trial_id,
        "status": status,
        "stop_reason": f"because it {status}",
        "round": 2,
        "x": 1.5,
        "y": 0.5,
        "error": 0.25,
        "price": 1.5,
        **more,
    }


class RemotePath:
    """A results folder, and exports that write to its database."""

    def __init__(self, folder, problem=TOY):
        self.folder, self.problem, self.warnings, self.exports = folder, problem, [], []
        self.url = f"sqlite:///{folder / 'study.db'}"

    def export(self):
        made = OptunaExport(
            self.url,
            "toy",
            self.problem,
            samples=self.folder / "samples",
            artifacts=self.folder / "artifacts",
            warn=self.warnings.append,
        )
        self.exports.append(made)
        return made

    def study(self):
        for export in self.exports:
            export.flush()
        return optuna.load_study(study_name="toy", storage=self.url)


@pytest.fixture
def place(tmp_path):
    return RemotePath(tmp_path)


def test_every_status_has_its_state(place):
    export = place.export()
    for status in STATES:
        export.put(row(status, "running", round=0))
    for status in STATES:
        export.put(row(status, status))
    found = {t.user_attrs["ray_trial_id"]: t for t in place.study().trials}
    assert {name: t.state.name for name, t in found.items()} == STATES
    assert found["completed"].values == [0.25, 1.5]
    assert found["stopped"].values is None
    attributes = found["stopped"].user_attrs
    assert attributes["error"] == 0.25
    assert attributes["stop_reason"] == "because it stopped"
    assert found["completed"].params == {"x": 1.5, "y": 0.5}


def test_what_is_there_is_not_written_twice(place):
    for status in ("running", "interrupted", "running", "completed"):
        export = place.export()  # as a new session does
        export.put(row("a", status))
        export.put(row("a", status))
        export.flush()
    before = place.study().trials
    place.export().put(row("a", "completed"))
    place.study()
    place.export().put(row("a", "failed"))  # an ended trial stays as it ended
    assert place.study().trials == before
    assert [t.state.name for t in before] == ["COMPLETE"]


def test_a_trial_that_ended_before_it_was_written_down_is_whole(place):
    place.export().put(row("a", "completed"))
    (trial,) = place.study().trials
    assert (trial.state.name, trial.values) == ("COMPLETE", [0.25, 1.5])


def test_pictures_become_artifacts_once(place):
    pictures = place.folder / "samples" / "a"
    pictures.mkdir(parents=True)
    Image.new("L", (4, 4), 99).save(pictures / "after.png")
    place.export().put(row("a", "completed"))
    study = place.study()
    (trial,) = study.trials
    (meta,) = get_all_artifact_meta(trial, storage=study._storage)
    assert meta.filename == "after.png"
    assert meta.mimetype == "image/png"
    download_artifact(
        artifact_store=FileSystemArtifactStore(place.folder / "artifacts"),
        artifact_id=meta.artifact_id,
        file_path=str(place.folder / "back.png"),
    )
    assert (place.folder / "back.png").read_bytes() == (pictures / "after.png").read_bytes()
    assert trial.user_attrs["samples"] == "samples/a"


def test_a_storage_out_of_reach_is_told_and_caught_up_with(place, monkeypatch):
    export = place.export()
    export.put(row("a", "running"))
    export.flush()

    def locked(*_):
        raise optuna.exceptions.StorageInternalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(export._storage, "set_trial_state_values", locked)
        export.put(row("a", "completed"))
        export.put(row("b", "completed"))
        export.flush()
    assert "the Optuna storage is 2 trials behind: database is locked" in place.warnings
    export.put(row("c", "running"))
    states = {t.user_attrs["ray_trial_id"]: t.state.name for t in place.study().trials}
    assert states == {"a": "COMPLETE", "b": "COMPLETE", "c": "RUNNING"}


def test_intermediate_values_with_one_objective(tmp_path):
    place = RemotePath(tmp_path, dataclasses.replace(TOY, objectives=("error",)))
    export = place.export()
    for done in (1, 2, 3):
        export.evaluated(row("a", "running", round=done, error=1 / done))
        export.flush()
    export.put(row("a", "stopped", round=3, error=1 / 3))
    (trial,) = place.study().trials
    assert trial.intermediate_values == {1: 1.0, 2: 0.5, 3: pytest.approx(1 / 3)}


def test_two_studies_are_not_merged(place):
    place.export()
    check_storage(place.url, "other", is_new=True)
    check_storage(place.url, "toy", is_new=False)
    with pytest.raises(SettingError, match="name is 'toy'; expected a new name"):
        check_storage(place.url, "toy", is_new=True)


def test_a_renamed_study_takes_its_parts_and_trials_along(place):
    place.export().put(row("a", "completed"))
    before = place.study().trials
    for part in ("toy-baseline", "toy-confirm", "another"):
        optuna.create_study(study_name=part, storage=place.url, directions=["minimize"] * 2)
    assert rename_studies(place.folder / "study.db", "toy", "copy") == ""
    names = {"copy", "copy-baseline", "copy-confirm", "another"}
    assert set(optuna.get_all_study_names(place.url)) == names
    (after,) = optuna.load_study(study_name="copy", storage=place.url).trials
    assert (after.values, after.user_attrs) == (before[0].values, before[0].user_attrs)
    rename_studies(place.folder / "study.db", "toy", "copy")  # cut off, and done again
    assert set(optuna.get_all_study_names(place.url)) == names
    (place.folder / "damaged.db").write_bytes(bytes(5000))
    assert "not a database" in rename_studies(place.folder / "damaged.db", "toy", "copy")


def test_no_password_is_shown():
    url = "postgresql://me:secret@db.example.org/optuna"
    assert redacted(url) == "postgresql://***@db.example.org/optuna"
    assert redacted("sqlite:///results/a/study.db") == "sqlite:///results/a/study.db"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def test_optuna_dashboard_lists_the_trials(place):
    export = place.export()
    for status in STATES:
        export.put(row(status, status))
    app = wsgi(place.study()._storage)
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
                return json.load(answer)

        (summary,) = get("/api/studies")["study_summaries"]
        assert summary["study_name"] == "toy"
        detail = get(f"/api/studies/{summary['study_id']}?after=0")
        assert detail["objective_names"] == ["error", "price"]
        trials = {}
        for trial in detail["trials"]:
            attributes = {a["key"]: a["value"] for a in trial["user_attrs"]}
            trials[attributes["ray_trial_id"]] = trial, attributes
        shown = {name: trial["state"].upper() for name, (trial, _) in trials.items()}
        assert shown == STATES
        assert trials["completed"][0]["values"] == [0.25, 1.5]
        assert float(trials["stopped"][1]["error"]) == 0.25
        assert trials["failed"][1]["stop_reason"] == "because it failed"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
