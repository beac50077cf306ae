"""Does the search pay? Samplers and schedulers on the digits problem, against what users have.

    python benchmarks/search.py --seeds 50

Searches of 30 trials on two slots, each against random search at full length with the same compute
(epochs) and against Ray's stock OptunaSearch with ASHAScheduler. A real study takes five minutes,
so the trials are looked up: Gaussian processes fitted to the learning curves of
``data/digits-curves.csv`` (real runs, by ``curves.py``) say what a setting's FID is at each
evaluation. What they get wrong is measured by leaving settings out, and added as noise. The
searchers and schedulers are the study's own objects and Ray's, asked as Ray asks them.
"""

import argparse
import csv
import dataclasses
import heapq
import itertools
import math
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from curves import BUDGET
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch
from scipy import stats
from side_by_side import write
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import cross_val_predict

from study.cluster.capacity import Capacity, NodeType
from study.engine.asha import SuccessiveHalving
from study.engine.samplers import SAMPLERS, SCHEDULERS, StudySearch, make_scheduler
from study.problem.definition import describe
from study.problem.settings import resolve
from study.spec.halving import rungs
from study.spec.optuna_space import distribution
from study.spec.problem import Problem

TABLE = Path(__file__).parent / "data" / "digits-curves.csv"
SLOTS, TRIALS = 2, 30
NOISE_FID = 60.4  # of clipped Gaussian noise: the hypervolume's reference
OVERHEAD_S = 0.8  # drawing and scoring at an evaluation


def study(given: Mapping[str, Any] = BUDGET) -> tuple[Problem, Any]:
    """Return the problem and the plan of a search; by default at the budget of the curves.

    Args:
        given: what its flags say.
    """
    capacity = Capacity((NodeType("two cores", SLOTS, 0),), most_nodes=1)
    settings = resolve(given, capacity)
    return describe(settings), settings.plan


class Curves:
    """FID over epochs for any setting, from real runs of some."""

    def __init__(self, problem: Problem, table: Path = TABLE) -> None:
        self.problem = problem
        with table.open() as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        self.epochs = sorted({int(row["epoch"]) for row in rows})
        settings = {row["setting"]: self._features(row) for row in rows}
        x = np.array(list(settings.values()))
        y = np.log([[r["fid"] for r in rows if r["epoch"] == e] for e in self.epochs])
        order = [[r["setting"] for r in rows if r["epoch"] == e] for e in self.epochs]
        assert all(names == list(settings) for names in order)
        kernel = ConstantKernel() * RBF([1.0] * x.shape[1], (0.05, 20)) + WhiteKernel(1e-2)
        self.models, errors = [], []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a length scale at its bound: that parameter is idle
            for column in y:
                model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2)
                errors.append(column - cross_val_predict(model, x, column, cv=10))
                self.models.append(model.fit(x, column))
        self.deviation = float(np.std(errors[-1]))
        """The standard deviation of the error in log FID at the end, for settings left out."""
        last = [row for row in rows if row["epoch"] == self.epochs[-1]]
        self.dip_s = statistics.median(row["dip_time_s"] for row in last)
        self.epoch_s = statistics.median(row["train_time_s"] for row in last) / self.epochs[-1]
        final = y[-1]
        self.rank_correlation = {
            epoch: float(stats.spearmanr(column, final).statistic)
            for epoch, column in zip(self.epochs, y, strict=True)
        }
        self.settings = len(settings)
        self.best = float(np.exp(final.min()))

    def _features(self, row: dict[str, float]) -> list[float]:
        """Return each parameter on [0, 1], as it is searched."""
        return [
            math.log(row[p.name] / p.low) / math.log(p.high / p.low)
            if p.log
            else (row[p.name] - p.low) / (p.high - p.low)
            for p in self.problem.parameters
        ]

    def curve(
        self, parameters: dict[str, float], seed: int, epochs: Sequence[float]
    ) -> list[float]:
        """Return the FID after so many epochs; the seed is the trial's luck, the same at all.

        Between the evaluations of the real runs the logarithm of FID is interpolated.
        """
        luck = np.random.default_rng(seed).normal(0, self.deviation)
        x = [self._features(parameters)]
        logs = [float(model.predict(x)[0]) for model in self.models]
        return [math.exp(each + luck) for each in np.interp(epochs, self.epochs, logs)]

    def epoch_seconds(self, parameters: dict[str, float]) -> float:
        """Return the seconds of an epoch of a setting: here they are the same for all."""
        return self.epoch_s

    def expected(self, parameters: dict[str, float]) -> float:
        """Return the final FID of a setting without any luck."""
        return math.exp(float(self.models[-1].predict([self._features(parameters)])[0]))


@dataclasses.dataclass
class Outcome:
    """What a simulated search found and spent."""

    fids: list[float]
    """The final FIDs of the trials that ran to the end."""
    settings: list[dict[str, float]]
    """Their parameters."""
    epochs: float
    seconds: float
    """The seconds until the last trial ended."""


def simulate(
    curves: Curves,
    searcher: Any,
    scheduler: Any,
    seed: int,
    rungs: Sequence[float],
    most_epochs: float = math.inf,
    slots: int = SLOTS,
    trials: int = TRIALS,
) -> Outcome:
    """Simulate a search event by event; a trial is evaluated at the rungs and its end."""
    clock, begun, spent, fids, order = 0.0, 0, 0.0, [], itertools.count()
    settings: list[dict[str, float]] = []
    asked: dict[str, dict[str, float]] = {}
    levels = [*rungs, float(curves.epochs[-1])]
    events: list[tuple[float, int, str, int]] = []
    found: dict[str, list[float]] = {}
    running: set[str] = set()
    waiting: dict[str, int] = {}
    """The level that each trial goes on to which waits at a rung."""
    trials = trials if math.isinf(most_epochs) else 10**6

    def begin(name: str, level: int) -> None:
        epochs = levels[level] - (levels[level - 1] if level else 0)
        seconds = (
            epochs * curves.epoch_seconds(asked[name]) + OVERHEAD_S + (0 if level else curves.dip_s)
        )
        running.add(name)
        heapq.heappush(events, (clock + seconds, next(order), name, level))

    def due() -> list[str]:
        if not isinstance(scheduler, SuccessiveHalving):
            return []
        if not running and begun >= trials:
            scheduler.finish()
        return [name for name in scheduler.due() if name in waiting]

    while True:
        while len(running) < slots and spent < most_epochs:
            if ready := due():
                begin(ready[0], waiting.pop(ready[0]))
            elif begun < trials:
                name, begun = str(begun), begun + 1
                asked[name] = searcher.suggest(name)
                found[name] = curves.curve(asked[name], 1000 * seed + begun, levels)
                scheduler.on_trial_add(None, SimpleNamespace(trial_id=name))
                begin(name, 0)
            else:
                break
        if not events:
            return Outcome(fids, settings, spent, clock)
        clock, _, name, level = heapq.heappop(events)
        running.discard(name)
        fid = found[name][level]
        spent += levels[level] - (levels[level - 1] if level else 0)
        metrics = {"fid": fid, "time_per_iteration_s": curves.epoch_seconds(asked[name])}
        result = {"epoch": levels[level], "training_iteration": level + 1}
        result |= {f"metrics/{key}": value for key, value in metrics.items()}
        decision = scheduler.on_trial_result(None, SimpleNamespace(trial_id=name), result)
        if level + 1 == len(levels):
            fids.append(fid)
            settings.append(asked[name])
            searcher.on_trial_complete(name, result)
        elif decision == TrialScheduler.STOP:
            waiting[name] = level + 1
            searcher.on_trial_complete(name, result)
        else:
            searcher.on_trial_result(name, result)
            begin(name, level + 1)


def ours(problem: Problem, plan: Any, sampler: str, scheduler: str, seed: int) -> tuple[Any, Any]:
    """Return the searcher and the scheduler of a study."""
    return (
        StudySearch(problem, sampler, seed, problem.start_points),
        make_scheduler(scheduler, problem, plan.grace_period, plan.reduction_factor),
    )


def stock(problem: Problem, plan: Any, seed: int) -> tuple[Any, Any]:
    """Return the searcher and scheduler of Ray's documentation, with our space and rungs."""
    names, modes = [f"metrics/{name}" for name in problem.objectives], problem.directions
    return (
        OptunaSearch(
            space={p.name: distribution(p) for p in problem.parameters},
            metric=names,
            mode=modes,
            points_to_evaluate=[dict(point) for point in problem.start_points],
            seed=seed,
        ),
        ASHAScheduler(
            time_attr="epoch",
            metric=names[0],
            mode=modes[0],
            max_t=problem.max_resource,
            grace_period=plan.grace_period,
            reduction_factor=plan.reduction_factor,
        ),
    )


def main() -> None:
    """Simulate all searches and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    problem, plan = study()
    curves = Curves(problem)
    print(
        f"{curves.settings} real curves, best FID {curves.best:.2f}; a setting left out is "
        f"predicted within {math.expm1(curves.deviation):.0%} (standard deviation)\n"
        "rank correlation with the final FID: "
        + ", ".join(f"{r:.2f} at epoch {e}" for e, r in curves.rank_correlation.items())
    )
    methods: dict[str, Callable[[int], tuple[Any, Any]]] = {
        "Ray's OptunaSearch + ASHA": lambda seed: stock(problem, plan, seed)
    }
    for sampler in SAMPLERS:
        for scheduler in SCHEDULERS:
            methods[f"{sampler}, {scheduler}"] = lambda seed, s=sampler, h=scheduler: ours(
                problem, plan, s, h, seed
            )
    table: dict[str, Any] = {}
    for method, make in methods.items():
        at = rungs(plan.grace_period, plan.reduction_factor, problem.max_resource)
        outcomes = [simulate(curves, *make(seed), seed, at) for seed in range(args.seeds)]
        epochs = statistics.fmean(o.epochs for o in outcomes)
        bare = dataclasses.replace(problem, start_points=())
        same = [
            simulate(curves, *ours(bare, plan, "random", "none", seed), seed, (), o.epochs)
            for seed, o in enumerate(outcomes)
        ]
        best, chance = ([min(o.fids, default=NOISE_FID) for o in runs] for runs in (outcomes, same))
        log_ratios = np.log(np.array(best) / np.array(chance))
        half = stats.t.ppf(0.975, args.seeds - 1) * log_ratios.std(ddof=1) / math.sqrt(args.seeds)
        table[method] = {
            "best_fid": statistics.geometric_mean(best),
            "best_fid_deviation": statistics.stdev(best),
            "hypervolume": statistics.fmean(1 - fid / NOISE_FID for fid in best),
            "completed": statistics.fmean(len(o.fids) for o in outcomes),
            "epochs": epochs,
            "minutes": statistics.fmean(o.seconds for o in outcomes) / 60,
            "random_best_fid": statistics.geometric_mean(chance),
            "ratio_to_random": [float(np.exp(log_ratios.mean() + d)) for d in (0.0, -half, half)],
        }
        row = table[method]
        ratio, low, high = row["ratio_to_random"]
        print(
            f"{method:28} best FID {row['best_fid']:5.2f} ± {row['best_fid_deviation']:4.2f}   "
            f"hypervolume {row['hypervolume']:.3f}   {row['completed']:4.1f} completed   "
            f"{row['epochs']:4.0f} epochs, {row['minutes']:.1f} min   random with as many epochs "
            f"{row['random_best_fid']:5.2f}, ratio {ratio:.2f} ({low:.2f} to {high:.2f})",
            flush=True,
        )
    write(
        "search",
        {
            "seeds": args.seeds,
            "curves": curves.settings,
            "left_out_deviation": curves.deviation,
            "rank_correlation": curves.rank_correlation,
            "methods": table,
        },
    )


if __name__ == "__main__":
    main()
