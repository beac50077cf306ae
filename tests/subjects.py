"""A subject that has nothing to do with DIP or DDPM: the engine's parts must serve it too."""

import tempfile
from pathlib import Path

from PIL import Image

from study.description import Description, Metric, Parameter, Stage
from study.reporting import picture_path, report

TOY = Description(
    title="A toy <b>subject</b>",
    parameters=(Parameter("x", "x", 0.1, 10.0, log=True), Parameter("y", "y", -1.0, 1.0)),
    metrics=(
        Metric("error", "error", goal="min", references=("bound",)),
        Metric("bound", "lower bound"),
        Metric("price", "price", "€", goal="min"),
        Metric("work_s", "work", "s", cost="so far"),
    ),
    objectives=("error", "price"),
    resource="round",
    max_resource=4,
    stages=(Stage("before", "before"), Stage("after", "after")),
    start_points=({"x": 1.0, "y": 0.5},),
    rerun="toy --x {x} --y {y}",
)


def toy(parameters: dict[str, float]) -> None:
    """error falls with the rounds towards |y|; y > 0.9 breaks, y < -0.9 returns NaN."""
    for done in range(1, 5):
        if parameters["y"] > 0.9:
            raise ValueError("y is too large, see [/home/someone/y.txt]\nand this is a second line")
        error = float("nan") if parameters["y"] < -0.9 else abs(parameters["y"]) + 1 / done
        metrics = {"error": error, "bound": 0.25, "price": parameters["x"], "work_s": 0.1 * done}
        with tempfile.TemporaryDirectory() as folder:
            for stage in TOY.stages:
                Image.new("L", (4, 4), 40 * done).save(picture_path(Path(folder), stage.name))
            report(metrics, {"round": done}, Path(folder))
