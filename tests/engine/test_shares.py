"""Trials that share a GPU, which this Ray only pretends to have."""

import dataclasses
import functools
import io

import pandas as pd
import pytest
import ray
from rich.console import Console
from support.toy_problem import PLAN, TOY, toy
from support.waiting import wait_until

from study.engine.reporting import report
from study.engine.runner import run_study, start_ray
from study.results.folder import ResultsFolder
from study.results.records import load_study

WARNING = "trials share a GPU: work_s depend on what runs beside"


@pytest.fixture(scope="module")
def ray_with_a_gpu():
    """A private Ray that claims one GPU."""
    ray.shutdown()
    start_ray(cpus=2, gpus=1)
    yield
    ray.shutdown()


def run(place, objectives, gpus_per_trial: float, slots: int):
    """A study of which as many trials as have room go on together, and what it printed."""
    (begun := place / "begun").mkdir()

    def report_and_wait(metrics, *rest):
        report(metrics, *rest)
        (begun / str(metrics["price"])).touch()
        wait_until(lambda: len(list(begun.iterdir())) >= slots)

    trainable = functools.partial(toy, report=report_and_wait)
    problem = dataclasses.replace(TOY, objectives=objectives)
    plan = dataclasses.replace(
        PLAN, num_samples=3, slots=slots, gpus_per_trial=gpus_per_trial, scheduler="none"
    )
    console = Console(file=io.StringIO(), soft_wrap=True)
    with ResultsFolder.create(place, "toy", problem, {}) as folder:
        assert run_study(problem, trainable, plan, folder, console=console) == "finished"
    return folder.path, console.file.getvalue()


def test_a_shared_gpu_is_on_record_and_its_seconds_are_warned_of(ray_with_a_gpu, tmp_path):
    path, output = run(tmp_path, ("error", "work_s"), 0.5, slots=2)
    trials = pd.read_csv(path / "trials.csv")
    assert trials.gpus.tolist() == [0, 0, 0]
    assert trials.gpu_share.tolist() == [0.5, 0.5, 0.5]
    assert set(pd.read_csv(path / "history.csv").gpu_share) == {0.5}
    assert output.count(WARNING) == 1
    (notice,) = load_study(path).info["sessions"][0]["notices"]
    assert notice.startswith(WARNING)


@pytest.mark.parametrize(
    ("objectives", "share", "slots"),
    [(("error", "work_s"), 1.0, 1), (("error", "work_s"), 0.5, 1), (("error", "price"), 0.5, 2)],
    ids=["a GPU each", "nothing beside", "no objective in seconds"],
)
def test_where_no_time_is_shared_nothing_is_said(
    ray_with_a_gpu, tmp_path, objectives, share, slots
):
    path, output = run(tmp_path, objectives, share, slots)
    assert set(pd.read_csv(path / "trials.csv").gpu_share) == {share}
    assert "share a GPU" not in output
