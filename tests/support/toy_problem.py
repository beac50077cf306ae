"""A problem that has nothing to do with DIP or DDPM: the engine's parts must serve it too."""

import dataclasses
import json
import math
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from ray import tune

from study.engine.plan import Plan
from study.engine.reporting import picture_path, report
from study.spec.problem import Metric, Parameter, Problem, Stage

TOY = Problem(
    title="A toy <b>problem</b>",
    parameters=(Parameter("x", "x", 0.1, 10.0, log=True), Parameter("y", "y", -1.0, 1.0)),
    metrics=(
        Metric("error", "error", goal="min", references=("bound",)),
        Metric("bound", "lower bound"),
        Metric("price", "price", "€", goal="min"),
        Metric("work_s", "work", "s", "min", cost="so far"),
        Metric("process", "process"),
    ),
    objectives=("error", "price"),
    resource="round",
    max_resource=4,
    stages=(Stage("before", "before"), Stage("after", "after")),
    start_points=({"x": 1.0, "y": 0.5},),
    rerun="toy --x {x} --y {y}",
)


def with_noise(problem: Problem, metric: str) -> Problem:
    """The problem with a metric that none of its parameters is declared to change."""
    return _with_metric(problem, metric, declared_effects_only=True)


def with_awaited(problem: Problem, metric: str) -> Problem:
    """The problem with a metric that has no value until a trial has got far enough."""
    return _with_metric(problem, metric, awaited=True)


def _with_metric(problem: Problem, name: str, **changes: bool) -> Problem:
    metrics = (dataclasses.replace(m, **changes) if m.name == name else m for m in problem.metrics)
    return dataclasses.replace(problem, metrics=tuple(metrics))


PLAN = Plan(
    name="toy",
    num_samples=10,
    sampler="random",
    scheduler="asha",
    grace_period=1,
    reduction_factor=2,
    cpus_per_trial=1,
    gpus_per_trial=0,
    slots=2,
    seed=1,
)

RAISES, RETURNS_NAN, IS_KILLED, FILLS_DISK = 0.95, -0.95, 0.99, -0.99
"""Values of y that break a trial."""
DIES_IDLE = 0.97
"""A value of y that breaks the process when its trial has been stopped."""
PLANTED = (RAISES, RETURNS_NAN, IS_KILLED, FILLS_DISK)


def toy(parameters: dict[str, float], report: Callable[..., None] = report) -> None:
    """error falls with the rounds towards |y|. Planted values of y raise at round 1, report NaN
    from round 2 on, or kill the process in round 2, or when it is stopped. ``TOY_LOG`` is a file
    that gets a line per round that was worked on."""
    begun, y = 0, parameters["y"]
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            begun = json.loads(Path(folder, "state.json").read_text())["done"]
    for done in range(begun + 1, 5):
        time.sleep(float(os.environ.get("TOY_ROUND_S", "0")))
        if y == RAISES:
            raise ValueError("y is too large, see [/home/someone/y.txt]\nand this is a second line")
        if y == FILLS_DISK:
            raise OSError(28, "No space left on device")
        if y == IS_KILLED and done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        error = (0 if y in PLANTED else abs(y)) + 1 / done  # nobody stops a planted trial
        error = math.nan if y == RETURNS_NAN and done >= 2 else error
        metrics = {"error": error, "bound": 0.25, "price": parameters["x"], "work_s": 0.1 * done}
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps({"done": done}))
            for name, grey in (("before", 0), ("after", 40 * done)):
                Image.new("L", (4, 4), grey).save(picture_path(Path(folder), name))
            if log := os.environ.get("TOY_LOG"):
                with open(log, "a") as file:
                    file.write(f"{parameters['x']} {done}\n")
            try:
                report({**metrics, "process": os.getpid()}, {"round": done}, Path(folder))
            except SystemExit:  # no more of this trial is wanted
                if y == DIES_IDLE:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise


def toy_with_awaited_price(parameters: dict[str, float]) -> None:
    """A toy that has a price once its error is below 1, from round 2 on or never; no bound."""

    def report_later(metrics, *rest) -> None:
        known = {name: value for name, value in metrics.items() if name != "bound"}
        late = metrics["error"] >= 1
        report({**known, "price": math.nan} if late else known, *rest)

    toy(parameters, report_later)


def crowding_toy(parameters: dict[str, float], folder: Path, crowd: int) -> None:
    """Half a second a round, until as many trials run at once as make a crowd: then none.

    ``folder`` has a file per running trial, and ``full`` once there were enough.
    """
    here, full = folder / f"{os.getpid()}.running", folder / "full"
    here.touch()
    if len(list(folder.glob("*.running"))) >= crowd:
        full.touch()
    os.environ["TOY_ROUND_S"] = "0" if full.exists() else "0.5"
    try:
        toy(parameters)
    finally:
        here.unlink()
        del os.environ["TOY_ROUND_S"]


def slow_toy(parameters: dict[str, float]) -> None:
    """Half a second a round."""
    os.environ["TOY_ROUND_S"] = "0.5"
    try:
        toy(parameters)
    finally:
        del os.environ["TOY_ROUND_S"]


def toy_with_fault(parameters: dict[str, float], mended: Path) -> None:
    """A toy whose machine lacks something until a file is there."""
    if not mended.exists():
        raise OSError("[/mnt/disc] is not mounted")
    toy(parameters)
