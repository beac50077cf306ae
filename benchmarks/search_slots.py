"""Does the search stay good when many trials run at once, and what does it waste?

    python benchmarks/search_slots.py --seeds 50

Replays searches of 30 trials on 2 and 16 slots (:mod:`search`), of these rules: that of version
0.2, whose Gaussian process knew the last value of each trial that had ended, and whose trials were
judged as they came to a rung and stopped for good; the same with today's process, taught by
forecasts of running trials as well; today's, whose trials wait at a rung, of which one in four goes
on; the latter with two rungs, at which one in two goes on; and with the rungs of version 0.2. Each
is compared, seed by seed, with the rule of version 0.2 on two slots.
"""

import argparse
import concurrent.futures
import dataclasses
import math
import multiprocessing
import os
import pickle
import statistics
import warnings
from typing import Any

import numpy as np
import optuna
from scipy import stats
from search import Curves, Outcome, ours, simulate, study
from side_by_side import write

from study.engine.asha import SuccessiveHalving
from study.engine.samplers import StudySearch, make_sampler
from study.spec.halving import rungs

BEFORE, STOPPING, NOW = "0.2", "0.2 with forecasts", "today"
HALVES, SHORT = "today, halves at 1/4 and 1/2", "today, thirds at 1/9 and 1/3"
RULES = {BEFORE: (4, 3.0), STOPPING: (4, 3.0), HALVES: (9, 2.0), SHORT: (4, 3.0)}
"""First rung [epochs] and factor of the rules that have others than today's."""
SLOTS = (2, 16)


class LastValues(StudySearch):
    """The Gaussian process of version 0.2: it knows the last values of ended trials alone."""

    def __init__(self, problem: Any, seed: int) -> None:
        super().__init__(problem, "nsga2", seed, problem.start_points)
        self.study.sampler = make_sampler("gp", seed)


class Stopping(SuccessiveHalving):
    """The rule of version 0.2: a trial is judged as it comes to a rung, and stops for good."""

    def decide(self, trial_id: str, spent: int, metrics: dict[str, Any]) -> bool:
        super().decide(trial_id, spent, metrics)
        for at, rung in reversed(self.rungs.items()):
            if spent >= at:
                mine, *others = reversed(list(rung.values.values()))
                place = sum(other[0] < mine[0] for other in others)
                return place < max(1.0, len(rung.values) / self.reduction_factor)
        return True

    def due(self) -> list[str]:
        return []


def replay(method: str, slots: int, seed: int, fitted: bytes) -> Outcome:
    """Replay one search of a rule."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    problem, plan = study()
    first, factor = RULES.get(method, (plan.grace_period, plan.reduction_factor))
    rule = dataclasses.replace(plan, grace_period=first, reduction_factor=factor)
    searcher, scheduler = ours(problem, rule, "gp", "asha", seed)
    if method == BEFORE:
        searcher = LastValues(problem, seed)
    if method in (BEFORE, STOPPING):
        scheduler.__class__ = Stopping
    at = rungs(first, factor, problem.max_resource)
    return simulate(pickle.loads(fitted), searcher, scheduler, seed, at, slots=slots)


def compared(best: list[float], reference: list[float]) -> list[float]:
    """Return the ratio of geometric means and its 95 % interval, paired by seed."""
    logs = np.log(np.array(best) / np.array(reference))
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return [float(np.exp(logs.mean() + d)) for d in (0.0, -half, half)]


def main() -> None:
    """Replay all searches and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    fitted = pickle.dumps(Curves(study()[0]))
    cells = [
        (method, slots) for slots in SLOTS for method in (BEFORE, STOPPING, NOW, HALVES, SHORT)
    ]
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        running = {
            cell: [pool.submit(replay, *cell, seed, fitted) for seed in range(args.seeds)]
            for cell in cells
        }
        rows: dict[tuple[str, int], list[Outcome]] = {}
        for cell, futures in running.items():
            rows[cell] = [future.result() for future in futures]
            print(*cell, [round(min(o.fids), 2) for o in rows[cell]], flush=True)
    best = {cell: [min(o.fids) for o in outcomes] for cell, outcomes in rows.items()}
    table = [
        {
            "method": method,
            "slots": slots,
            "best_fid": statistics.geometric_mean(best[method, slots]),
            "best_fid_deviation": statistics.stdev(best[method, slots]),
            "to_before": compared(best[method, slots], best[BEFORE, 2]),
            "to_two_slots": compared(best[method, slots], best[method, 2]),
            "epochs": statistics.fmean(o.epochs for o in outcomes),
            "completed": statistics.fmean(len(o.fids) for o in outcomes),
            "minutes": statistics.fmean(o.seconds for o in outcomes) / 60,
        }
        for (method, slots), outcomes in rows.items()
    ]
    for row in table:
        print(row)
    write("search-slots", {"seeds": args.seeds, "rows": table})


if __name__ == "__main__":
    main()
