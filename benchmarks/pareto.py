"""Does `pareto-asha` pay where what is searched changes the time of an iteration?

    python benchmarks/pareto.py --samplers tpe nsga2 random --seeds 50
    python benchmarks/pareto.py --samplers gp --seeds 8

Searches of the extended space on digits, 30 trials on two slots, with both schedulers and the same
seeds. Trials are looked up as in ``search.py``, from the real runs of
``data/digits-extended-curves.csv`` (by ``curves.py``): Gaussian processes tell the FID at each
rung, and a quadratic in batch size and width the seconds of an epoch, both with the error that they
have for settings that are left out. What a search found is the front of its full trials by what it
saw, valued by what the models tell without that error: so luck does not count.
"""

import argparse
import concurrent.futures
import csv
import itertools
import json
import math
import multiprocessing
import os
import statistics
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from scipy import stats
from search import NOISE_FID, TRIALS, Curves, Outcome, ours, simulate, study
from side_by_side import write
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import PolynomialFeatures

from study.engine.samplers import SAMPLERS
from study.spec.halving import rungs
from study.spec.pareto import pareto_front
from study.spec.problem import Problem

TABLE = Path(__file__).parent / "data" / "digits-extended-curves.csv"
RESULT = TABLE.with_name("pareto.json")
STUDY = {"dataset": "digits", "space": "extended", "std": (0.1, 0.5)}
BEFORE, AFTER = SCHEDULERS = ("asha", "pareto-asha")
COST = ("batch_size", "width")
FLOOR_FID = 1.72  # of real images


class ExtendedCurves(Curves):
    """FID over epochs and the seconds of an epoch for any setting, from real runs of some."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, TABLE)
        with TABLE.open() as file:
            rows = {row["setting"]: row for row in csv.DictReader(file)}.values()
        self._quadratic = PolynomialFeatures(2)
        x = self._quadratic.fit_transform([self._cost(row) for row in rows])
        y = np.log([float(row["epoch_cpu_s"]) for row in rows])
        self._seconds = LinearRegression().fit(x, y)
        self.cost_deviation = float(np.std(y - cross_val_predict(LinearRegression(), x, y, cv=10)))
        """The standard deviation of the error in log seconds, for settings left out."""
        ends = {p.name: (p.low, p.high) for p in problem.parameters}
        corners = itertools.product(*(ends[name] for name in COST))
        times = [self.true_seconds(dict(zip(COST, corner, strict=True))) for corner in corners]
        self.times = (min(times), max(times))

    @staticmethod
    def _cost(row: Any) -> list[float]:
        return [math.log(float(row[name])) for name in COST]

    def true_seconds(self, parameters: dict[str, float]) -> float:
        """Return the seconds of an epoch, as the model has them."""
        x = self._quadratic.transform([self._cost(parameters)])
        return math.exp(float(self._seconds.predict(x)[0]))

    def epoch_seconds(self, parameters: dict[str, float]) -> float:
        """Return the seconds of an epoch as a trial would measure them, the same at all rungs."""
        values = np.array([parameters[p.name] for p in self.problem.parameters])
        luck = np.random.default_rng(np.frombuffer(values.tobytes(), np.uint32))
        return self.true_seconds(parameters) * math.exp(luck.normal(0, self.cost_deviation))


def hypervolume(points: Sequence[tuple[float, float]], times: tuple[float, float]) -> float:
    """Return the share of the plane that points of FID and seconds dominate, both on log scales.

    The plane reaches from the FID of real images to that of noise, and from the shortest to the
    longest time.
    """
    low, high = (math.log(FLOOR_FID), math.log(times[0])), (math.log(NOISE_FID), math.log(times[1]))
    scaled = [
        [(min(math.log(v), b) - a) / (b - a) for v, a, b in zip(point, low, high, strict=True)]
        for point in points
    ]
    area, ceiling = 0.0, 1.0
    for fid, seconds in sorted(scaled):  # each adds what lies right of it and below the ones before
        area += (1 - max(fid, 0.0)) * max(0.0, ceiling - max(seconds, 0.0))
        ceiling = min(ceiling, max(seconds, 0.0))
    return area


def found(curves: ExtendedCurves, outcome: Outcome) -> float:
    """Return the hypervolume of what a search would have kept."""
    seen = [
        (fid, curves.epoch_seconds(setting))
        for fid, setting in zip(outcome.fids, outcome.settings, strict=True)
    ]
    kept = [outcome.settings[i] for i in pareto_front(seen, ("min", "min"))]
    return hypervolume([(curves.expected(s), curves.true_seconds(s)) for s in kept], curves.times)


def replay(curves: ExtendedCurves, sampler: str, scheduler: str, seed: int) -> dict[str, float]:
    """Simulate a search; return what it found and spent."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    problem, plan = study(STUDY)
    at = rungs(plan.grace_period, plan.reduction_factor, problem.max_resource)
    outcome = simulate(curves, *ours(problem, plan, sampler, scheduler, seed), seed, at)
    return {
        "hypervolume": found(curves, outcome),
        "best_fid": min(curves.expected(setting) for setting in outcome.settings),
        "epochs": outcome.epochs,
        "completed": len(outcome.fids),
    }


def compared(sampler: str, runs: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Any]:
    """Return a row per scheduler; the gain is in hypervolume, paired by seed."""
    rows = []
    for scheduler, mine in runs.items():
        volumes = [run["hypervolume"] for run in mine]
        gains = np.array(volumes) - [run["hypervolume"] for run in runs[BEFORE]]
        n = len(volumes)
        half = stats.t.ppf(0.975, n - 1) * gains.std(ddof=1) / math.sqrt(n)
        rows.append(
            {
                "sampler": sampler,
                "scheduler": scheduler,
                "seeds": n,
                "hypervolume": statistics.fmean(volumes),
                "hypervolume_deviation": statistics.stdev(volumes),
                "gain": [float(gains.mean() + d) for d in (0.0, -half, half)],
                "best_fid": statistics.geometric_mean(run["best_fid"] for run in mine),
                "epochs": statistics.fmean(run["epochs"] for run in mine),
                "completed": statistics.fmean(run["completed"] for run in mine),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Simulate the searches of some samplers, and write the result beside that of the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=SAMPLERS)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    curves = ExtendedCurves(study(STUDY)[0])
    print(
        f"{curves.settings} real curves, best FID {curves.best:.2f}; left out, a setting's FID is "
        f"predicted within {math.expm1(curves.deviation):.0%} and its seconds within "
        f"{math.expm1(curves.cost_deviation):.0%} (standard deviations)",
        flush=True,
    )
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(args.processes, spawn) as pool:
        begun = {
            sampler: {
                scheduler: [
                    pool.submit(replay, curves, sampler, scheduler, seed)
                    for seed in range(args.seeds)
                ]
                for scheduler in SCHEDULERS
            }
            for sampler in args.samplers
        }
        rows = [
            row
            for sampler, both in begun.items()
            for row in compared(
                sampler, {name: [run.result() for run in runs] for name, runs in both.items()}
            )
        ]
    if RESULT.exists():
        before = json.loads(RESULT.read_text())["rows"]
        rows += [row for row in before if row["sampler"] not in args.samplers]
    write(
        RESULT.stem,
        {
            "trials": TRIALS,
            "curves": curves.settings,
            "left_out_deviation": curves.deviation,
            "left_out_deviation_of_seconds": curves.cost_deviation,
            "seconds_of_epoch": curves.times,
            "rows": sorted(rows, key=lambda row: SAMPLERS.index(row["sampler"])),
        },
    )


if __name__ == "__main__":
    main()
