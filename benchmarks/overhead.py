"""What the engine costs: wall seconds per trial beside the trials' own work, and stock Ray Tune's.

    python benchmarks/overhead.py --trials 30 300 1000

The trials do next to nothing: four evaluations with a small checkpoint and two pictures. Both sides
run the same function with the same searcher settings and rungs, two at a time, in one process, each
on a Ray that is warm. Stock Tune is run with ``reuse_actors=True``, as the engine is, up to
``--stock-trials``, and once as it comes.
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
import ray
from PIL import Image
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from rich.console import Console
from side_by_side import write

from study.engine import runner
from study.engine.plan import Plan
from study.engine.reporting import picture_path, report
from study.results.folder import ResultsFolder
from study.spec.optuna_space import distribution
from study.spec.problem import Metric, Parameter, Problem, Stage

PROBLEM = Problem(
    title="next to nothing",
    parameters=(Parameter("x", "x", 0.0, 1.0), Parameter("y", "y", 0.0, 1.0)),
    metrics=(Metric("error", "error", goal="min"), Metric("price", "price", goal="min")),
    objectives=("error", "price"),
    resource="round",
    max_resource=9,
    stages=(Stage("before", "before"), Stage("after", "after")),
    start_points=(),
    rerun="nothing --x {x} --y {y}",
)


EVALUATED = (1, 3, 6, 9)
"""Rounds after which a trial is evaluated."""


def trivial(parameters: dict[str, Any]) -> None:
    """Run a trial that does nothing but report."""
    for done in EVALUATED:
        evaluate(parameters, done)


def evaluate(parameters: dict[str, Any], done: int) -> None:
    """Report an evaluation with two pictures and a checkpoint of 100 kB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").write_bytes(bytes(100_000))
        for stage in PROBLEM.stages:
            Image.new("L", (40, 40)).save(picture_path(folder, stage.name))
        metrics = {"error": parameters["x"] + 1 / done, "price": parameters["y"]}
        report(metrics, {"round": done}, folder)


def study(plan: Plan, trainable: Any, folder: Path) -> Path:
    """Run a study of the trivial problem; return its results folder."""
    results = ResultsFolder.create(folder, plan.name, PROBLEM, {})
    with (folder / "log").open("w") as log:
        console = Console(file=log)
        runner.run_study(PROBLEM, trainable, plan, results, expected_s=(), console=console)
    results.close()
    return results.path


def ours(trials: int, folder: Path) -> float:
    """Return the wall seconds of a study."""
    plan = Plan("ours", trials, "tpe", "asha", 1, 3.0, 1.0, 0.0, 2, 0)
    start = time.perf_counter()
    study(plan, trivial, folder)
    return time.perf_counter() - start


def stock(trials: int, folder: Path, reuse_actors: bool) -> float:
    """Return the wall seconds of the same search by stock Ray Tune."""
    tuner = tune.Tuner(
        tune.with_resources(trivial, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            num_samples=trials,
            max_concurrent_trials=2,
            reuse_actors=reuse_actors,
            search_alg=OptunaSearch(
                space={p.name: distribution(p) for p in PROBLEM.parameters},
                metric=["metrics/error", "metrics/price"],
                mode=["min", "min"],
                seed=0,
            ),
            scheduler=ASHAScheduler(
                time_attr="round", metric="metrics/error", mode="min", max_t=9, reduction_factor=3
            ),
        ),
        run_config=tune.RunConfig(
            name="stock",
            storage_path=str(folder),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        ),
    )
    start = time.perf_counter()
    tuner.fit()
    return time.perf_counter() - start


def main() -> None:
    """Measure both sides and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[30, 300, 1000])
    parser.add_argument("--stock-trials", type=int, default=300, help="most that stock Tune runs")
    args = parser.parse_args()
    runner.start_ray(cpus=2, gpus=0)
    logging.getLogger("ray").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        ours(4, Path(name))  # Ray starts its first workers
    variants: list[tuple[str, Any, int]] = [
        ("this engine", ours, max(args.trials)),
        ("stock Tune, actors reused", lambda n, f: stock(n, f, True), args.stock_trials),
        ("stock Tune as it comes", lambda n, f: stock(n, f, False), min(args.trials)),
    ]
    for trials in args.trials:
        for variant, run, most in variants:
            if trials > most:
                continue
            with tempfile.TemporaryDirectory() as name:
                seconds = run(trials, Path(name))
            rows.append({"variant": variant, "trials": trials, "seconds": seconds})
            print(f"{variant:27} {trials:5} trials {seconds:7.1f} s, {seconds / trials:.3f} s each")
    ray.shutdown()
    write("overhead", rows)


if __name__ == "__main__":
    main()
