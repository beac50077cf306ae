"""The engine on a real local Ray, with a problem of its own: nothing in it knows DIP or DDPM."""

import dataclasses
import functools
import json
from types import SimpleNamespace

import optuna
import pandas as pd
import pytest
from rich.console import Console
from support.toy_problem import (
    DIES_IDLE,
    FILLS_DISK,
    IS_KILLED,
    PLAN,
    RAISES,
    RETURNS_NAN,
    TOY,
    crowding_toy,
    slow_toy,
    toy,
    toy_with_awaited_price,
    toy_with_fault,
    with_awaited,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from study.engine.recovery import reopen_failed
from study.engine.runner import run_study
from study.engine.watch import RayIsLost
from study.results.folder import ResultsFolder, StudyIsRunning, read_info
from study.results.records import load_study
from study.spec.problem import FIXED_DESIGN, Parameter


def run(tmp_path, problem=TOY, trainable=toy, resume=False, cluster=False, retry=False, **changes):
    plan = dataclasses.replace(PLAN, **changes)
    if resume:
        before = read_info(tmp_path / plan.name)
        folder = ResultsFolder.reopen(tmp_path / plan.name, problem, before)
        if retry:
            reopen_failed(folder)
    else:
        folder = ResultsFolder.create(tmp_path, plan.name, problem, {})
    try:
        with (tmp_path / "log").open("w") as log:
            console = Console(file=log)
            status = run_study(
                problem,
                trainable,
                plan,
                folder,
                expected_s=(),
                console=console,
                cluster=cluster,
            )
    finally:
        folder.close()
    return status, folder.path


@pytest.fixture(scope="module")
def finished(ray_local, tmp_path_factory):
    """Ten trials; the planted points make one that raises, one that returns NaN at round 2 and
    one whose process is killed in round 2. What fails is tried again once."""
    planted = (0.5, RAISES, RETURNS_NAN, IS_KILLED)
    points = tuple({"x": 1.0 + i, "y": y} for i, y in enumerate(planted))
    problem = dataclasses.replace(TOY, start_points=points)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.engine.runner.MAX_FAILURES", 1)  # a try costs a new process
        return run(tmp_path_factory.mktemp("results"), problem)


def test_a_row_per_trial_and_per_evaluation(finished):
    status, path = finished
    assert status == "finished"
    trials, history = pd.read_csv(path / "trials.csv"), pd.read_csv(path / "history.csv")
    assert len(trials) == 10
    assert trials.trial_id.is_unique
    assert set(trials.status) <= {"completed", "stopped", "failed"}
    reported = history.groupby("trial_id")["round"].agg(["max", "count"])
    for _, trial in trials.iterrows():
        if trial["round"]:
            assert tuple(reported.loc[trial.trial_id]) == (trial["round"], trial["round"])
    assert (trials.status == "completed").sum() == (
        (trials["round"] == 4) & trials.error.notna()
    ).sum()


def test_each_end_has_its_status_and_reason(finished):
    trials = {t.parameters["y"]: t for t in load_study(finished[1]).trials}
    raised, nan, killed = trials[RAISES], trials[RETURNS_NAN], trials[IS_KILLED]
    assert (raised.status, raised.stop_reason) == (
        "failed",
        "ValueError: y is too large, see […/y.txt]",
    )
    assert (raised.resource, raised.restarts) == (0, 1)
    assert raised.restart_reason == raised.stop_reason
    assert (nan.status, nan.stop_reason) == ("failed", "an objective is not a finite number")
    assert nan.resource == 2
    assert (killed.status, killed.restarts) == ("failed", 1)
    assert killed.stop_reason.startswith("ActorDiedError: ")
    assert (killed.resource, len(killed.curve)) == (1, 1)  # both times from the first checkpoint
    others = [t for t in trials.values() if t not in (raised, nan, killed)]
    assert len(others) == 7
    assert all(t.restarts == 0 for t in others)
    for trial in others:
        assert trial.status in ("completed", "stopped")
        assert len(trial.curve) == trial.resource
        if trial.status == "stopped":
            assert trial.stop_reason == f"not among the best at round {trial.resource}"
    assert {t.status for t in others} == {"completed", "stopped"}


def test_a_failed_trial_takes_its_process_with_it(finished):
    """And with the process, whatever memory it held on its device."""
    trials = {t.parameters["y"]: t for t in load_study(finished[1]).trials}
    before = {e.metrics["process"] for e in trials[IS_KILLED].curve}
    ended_s = trials[IS_KILLED].ended_s
    later = [t for t in trials.values() if t.started_s > ended_s]
    assert before
    assert not before & {e.metrics["process"] for t in later for e in t.curve}


def test_the_front_holds_completed_trials_only(finished):
    study = load_study(finished[1])
    assert study.front
    assert all(trial.status == "completed" for trial in study.front)
    assert study.best.metrics["error"] == min(
        t.metrics["error"] for t in study.with_status("completed")
    )


def test_pictures_come_home(finished):
    for trial in load_study(finished[1]).trials:
        assert set(trial.pictures) == ({"before", "after"} if trial.resource else set())


def test_optuna_reads_the_export(finished):
    path = finished[1]
    study = optuna.load_study(study_name="toy", storage=f"sqlite:///{path / 'study.db'}")
    records = {trial.trial_id: trial for trial in load_study(path).trials}
    state = {"completed": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
    assert len(study.trials) == 10
    assert study.metric_names == ["error", "price"]
    for trial in study.trials:
        record = records[trial.user_attrs["ray_trial_id"]]
        assert trial.state.name == state[record.status]
        assert trial.params == pytest.approx(record.parameters)
        assert trial.user_attrs["round"] == record.resource
        if trial.state.name == "COMPLETE":
            assert trial.values == [record.metrics["error"], record.metrics["price"]]
        else:
            assert trial.values is None


def test_tensorboard_reads_the_curves(finished):
    path = finished[1]
    for trial in load_study(path).trials:
        if trial.status == "completed":
            events = EventAccumulator(str(path / "ray" / trial.trial_id)).Reload()
            curve = [event.value for event in events.Scalars("error")]
            assert curve == pytest.approx([e.metrics["error"] for e in trial.curve])


def test_study_json_speaks_of_the_study_alone(finished):
    path = finished[1]
    text = (path / "study.json").read_text()
    info = json.loads(text)
    assert info["status"] == "finished"
    assert info["problem"]["objectives"] == ["error", "price"]
    assert str(path.parent) not in text


def test_a_worker_that_dies_between_trials_costs_a_cluster_no_trial(ray_local, tmp_path):
    """As those do that wait on a node that is lost: none may be handed to a trial."""
    points = tuple({"x": 1.0, "y": y} for y in (0.5, DIES_IDLE, 0.3))
    problem = dataclasses.replace(TOY, start_points=points)
    plan = {"sampler": FIXED_DESIGN, "num_samples": 3, "slots": 1}
    status, path = run(tmp_path, problem, cluster=True, **plan)
    assert status == "finished"
    ends = [(t.parameters["y"], t.status, t.restarts) for t in load_study(path).trials]
    assert ends == [(0.5, "stopped", 0), (DIES_IDLE, "stopped", 0), (0.3, "completed", 0)]


def test_a_study_in_which_every_trial_fails_has_failed(ray_local, tmp_path, monkeypatch):
    monkeypatch.setattr("study.engine.runner.MAX_FAILURES", 0)  # a try costs a new process
    broken = ({"x": 1.0, "y": RAISES}, {"x": 2.0, "y": RAISES})
    problem = dataclasses.replace(TOY, start_points=broken)
    status, path = run(tmp_path, problem, num_samples=2)
    assert status == "failed"
    study = load_study(path)
    assert study.best is None
    assert [t.stop_reason for t in study.trials] == [
        "ValueError: y is too large, see […/y.txt]"
    ] * 2


@pytest.mark.slow
def test_failures_of_one_cause_stop_the_study_and_can_be_tried_again(
    ray_local, tmp_path, monkeypatch
):
    monkeypatch.setattr("study.engine.runner.MAX_FAILURES", 0)  # a try costs a new process
    points = tuple({"x": 1.0 + n, "y": 0.1 * n} for n in range(8))
    problem = dataclasses.replace(TOY, start_points=points)
    plan = {"sampler": FIXED_DESIGN, "scheduler": "none", "num_samples": 8}
    with_fault = functools.partial(toy_with_fault, mended=tmp_path / "mended")
    status, path = run(tmp_path, problem, with_fault, **plan)
    assert status == "failed"
    study = load_study(path)
    reason = "5 trials in a row failed alike: OSError: […/disc] is not mounted"
    assert study.info["sessions"][-1]["reason"] == reason
    failed = [t.trial_id for t in study.with_status("failed")]
    assert len(failed) >= 5
    assert len(study.trials) < 8  # not all have been burnt

    (tmp_path / "mended").touch()
    status, path = run(tmp_path, problem, with_fault, resume=True, retry=True, **plan)
    assert status == "finished"
    after = load_study(path)
    assert [t.status for t in after.trials] == ["completed"] * 8
    assert {t.trial_id for t in after.trials} >= set(failed)
    assert all([e.resource for e in t.curve] == [1, 2, 3, 4] for t in after.trials)
    exported = optuna.load_study(study_name="toy", storage=f"sqlite:///{path / 'study.db'}")
    last = {t.user_attrs["ray_trial_id"]: t.state.name for t in exported.trials}
    assert last == {t.trial_id: "COMPLETE" for t in after.trials}


@pytest.mark.slow
def test_trials_shorter_than_the_start_of_a_process_fill_all_slots(
    ray_local, tmp_path, monkeypatch
):
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    # all is known then
    monkeypatch.setattr("study.engine.runner.End.stop_all", lambda _: (crowd / "full").exists())
    trainable = functools.partial(crowding_toy, folder=crowd, crowd=4)
    # so many that there is work left however slowly the last process starts
    plan = {"num_samples": 300, "slots": 4, "cpus_per_trial": 0.5, "scheduler": "none"}
    run(tmp_path, trainable=trainable, **plan)
    assert (crowd / "full").exists()


def test_a_ray_that_does_not_start_leaves_no_study_running(tmp_path, monkeypatch):
    def init(**_):
        raise RuntimeError("The current node timed out during startup.\nThere may be no room.")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    with pytest.raises(RayIsLost, match=r"Ray did not start: .* timed out during startup\.$"):
        run(tmp_path)
    info = load_study(tmp_path / "toy").info
    assert info["status"] == info["sessions"][-1]["status"] == "interrupted"


def test_without_a_scheduler_every_trial_runs_to_the_end(ray_local, tmp_path):
    problem = dataclasses.replace(
        TOY,
        parameters=(
            *TOY.parameters[:1],
            dataclasses.replace(TOY.parameters[1], low=-0.5, high=0.5),
        ),
    )
    _, path = run(tmp_path, problem, num_samples=4, scheduler="none")
    assert [t.status for t in load_study(path).trials] == ["completed"] * 4


def test_a_second_ctrl_c_still_leaves_nothing_running(ray_local, tmp_path, monkeypatch):
    """The first one lets Ray end in peace; a second raises in the middle of it."""

    def cut_off(self):
        begin = self._local_tuner._run_config.callbacks[0].on_trial_start
        begin(0, [], SimpleNamespace(trial_id="a", config={"x": 1.0, "y": 0.5, "seed": 1}))
        raise KeyboardInterrupt

    monkeypatch.setattr("ray.tune.Tuner.fit", cut_off)
    status, path = run(tmp_path)
    study = load_study(path)
    assert status == study.info["status"] == "interrupted"
    assert [t.status for t in study.trials] == ["interrupted"]


def test_a_broken_engine_leaves_a_readable_study(ray_local, tmp_path, monkeypatch):
    def broken(self):
        raise OSError("no space left on device")

    monkeypatch.setattr("ray.tune.Tuner.fit", broken)
    with pytest.raises(OSError, match="no space left"):
        run(tmp_path)
    assert load_study(tmp_path / "toy").info["status"] == "failed"


def test_a_trial_that_meets_a_full_disk_ends_the_study(ray_local, tmp_path):
    points = ({"x": 1.0, "y": 0.5}, {"x": 2.0, "y": FILLS_DISK})
    with pytest.raises(OSError, match="No space left on device"):
        run(tmp_path, dataclasses.replace(TOY, start_points=points), num_samples=30)
    study = load_study(tmp_path / "toy")
    assert study.info["status"] == "failed"
    assert len(study.trials) < 30
    assert not study.with_status("running")


def test_a_full_disk_leaves_readable_results(ray_local, tmp_path, monkeypatch):
    """The results folder can take no more from the third evaluation on."""
    append, count = ResultsFolder.append_history, iter(range(100))

    def full(self, row):
        if next(count) > 2:
            with (self.path / "history.csv").open("a") as file:
                file.write("half a li")
            raise OSError(28, "No space left on device")
        append(self, row)

    monkeypatch.setattr(ResultsFolder, "append_history", full)
    with pytest.raises(OSError, match="No space left on device"):
        run(tmp_path)
    study = load_study(tmp_path / "toy")
    assert study.info["status"] == "failed"
    assert sum(len(t.curve) for t in study.trials) == 3
    assert not study.with_status("running")
    assert not (tmp_path / "toy" / ".reserve").exists()


def test_a_trial_without_its_awaited_objective_is_stopped_not_failed(ray_local, tmp_path):
    """The price of three trials comes at round 2; that of the one with the large y never does."""
    points = tuple({"x": x, "y": y} for x, y in ((1.0, 0.1), (2.0, 0.2), (3.0, 0.3), (4.0, 0.94)))
    problem = dataclasses.replace(
        with_awaited(TOY, "price"), objectives=("price", "error"), start_points=points
    )
    design = {"sampler": FIXED_DESIGN, "scheduler": "none", "num_samples": 4}
    status, path = run(tmp_path, problem, toy_with_awaited_price, **design)
    assert status == "finished"
    ends = {t.parameters["y"]: (t.status, t.stop_reason) for t in load_study(path).trials}
    assert ends.pop(0.94) == ("stopped", "ran all 4 rounds without price")
    assert set(ends.values()) == {("completed", "ran all 4 rounds")}
    assert "bound" not in load_study(path).trials[0].metrics  # never reported: unknown


def test_a_time_budget_ends_the_search_and_it_can_go_on(ray_local, tmp_path, monkeypatch):
    history = tmp_path / "toy" / "history.csv"

    def monotonic() -> float:
        """Seconds of a clock on which a minute passes with the first evaluation."""
        evaluated = history.exists() and history.read_text().count("\n") > 1
        return 60.0 if evaluated else 0.0

    clock = SimpleNamespace(monotonic=monotonic)
    monkeypatch.setattr("study.engine.session_end.time", clock)
    settings = {"num_samples": 1000, "time_budget_s": 40.0}
    status, path = run(tmp_path, trainable=slow_toy, **settings)
    assert status == "interrupted"
    study = load_study(path)
    assert study.info["sessions"][-1]["reason"] == "time budget of 40 s"
    assert len(study.trials) < 1000
    assert not study.with_status("running")
    exported = optuna.load_study(study_name="toy", storage=f"sqlite:///{path / 'study.db'}")
    assert "RUNNING" not in {trial.state.name for trial in exported.trials}
    open_before = [t.trial_id for t in study.with_status("interrupted")]
    status, path = run(tmp_path, resume=True, num_samples=len(study.trials))
    assert status == "finished"
    after = load_study(path)
    assert [t.trial_id for t in after.trials] == [t.trial_id for t in study.trials]
    assert not after.with_status("interrupted")
    assert open_before


def test_a_fixed_design_runs_each_point_once(ray_local, tmp_path):
    points = tuple({"x": float(x), "y": 0.1} for x in (3, 1, 2))
    problem = dataclasses.replace(TOY, start_points=points)
    design = {"sampler": FIXED_DESIGN, "scheduler": "none", "num_samples": 3}
    status, path = run(tmp_path, problem, **design)
    assert status == "finished"
    # two begin at once, and either may be the first to be ready
    assert sorted(t.parameters["x"] for t in load_study(path).trials) == [1.0, 2.0, 3.0]
    # nothing is left to do, and a longer design runs what is new
    assert run(tmp_path, problem, resume=True, **design)[0] == "finished"
    longer = dataclasses.replace(problem, start_points=(*points, {"x": 4.0, "y": 0.1}))
    run(tmp_path, longer, resume=True, **{**design, "num_samples": 4})
    xs = [t.parameters["x"] for t in load_study(path).trials]
    assert (sorted(xs[:3]), xs[3:]) == ([1.0, 2.0, 3.0], [4.0])


def test_a_setting_that_is_suggested_again_is_a_replicate(ray_local, tmp_path):
    """Six trials on a grid of two settings; then the range grows, and four more go on."""
    x = Parameter("x", "x", 1, 2, step=1)
    narrow = dataclasses.replace(
        TOY, parameters=(x, Parameter("y", "y", choices=("0.5",))), start_points=()
    )
    told = tmp_path / "told"

    def tell(parameters):
        with told.open("a") as file:
            file.write(f"{parameters['x']} {parameters['seed']}\n")
        toy({**parameters, "y": float(parameters["y"])})

    plan = {"sampler": "tpe", "scheduler": "none", "seed": 7}
    run(tmp_path, narrow, tell, num_samples=6, **plan)
    wide = dataclasses.replace(
        narrow, parameters=(dataclasses.replace(x, high=3), narrow.parameters[1])
    )
    status, path = run(tmp_path, wide, tell, resume=True, num_samples=10, **plan)
    assert status == "finished"
    trials = pd.read_csv(path / "trials.csv")
    runs = [f"{x} {seed}" for x, seed in zip(trials.x, trials.seed, strict=True)]
    assert sorted(told.read_text().split("\n")[:-1]) == sorted(runs)
    assert len(set(runs)) == 10
    for _, seeds in trials.groupby("x").seed:
        assert sorted(seeds) == [7, *range(8500, 8499 + len(seeds))]
    study = load_study(path)
    assert sum(t.replicate_of is None for t in study.trials) == trials.x.nunique()
    assert study.info["widened"][0]["trials_before"] == 6
    history = pd.read_csv(path / "history.csv")
    assert (history.seed == history.trial_id.map(trials.set_index("trial_id").seed)).all()
    exported = optuna.load_study(study_name="toy", storage=f"sqlite:///{path / 'study.db'}")
    assert [t.user_attrs["seed"] for t in exported.trials] == trials.seed.tolist()
    assert exported.trials[-1].distributions["x"].high == 3


def test_one_process_at_a_time(ray_local, tmp_path):
    folder = ResultsFolder.create(tmp_path, "toy", TOY, {})
    with pytest.raises(StudyIsRunning):
        ResultsFolder.reopen(tmp_path / "toy", TOY, {})
    folder.close()
    ResultsFolder.reopen(tmp_path / "toy", TOY, {}).close()
