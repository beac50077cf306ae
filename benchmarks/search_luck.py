"""How much does a search's luck decide? Whole searches, repeated on recorded learning curves.

    python benchmarks/search_luck.py --searches 100

Searches of 30 trials on two slots with the prior, and as many of the baseline without it, are
replayed (:mod:`search`) on ``data/digits-curves.csv`` and ``data/digits-none-curves.csv``. What a
setting is worth is its FID by the models of those curves, without the noise of any run. So we see

- how much the settings differ that two searches recommend, with the prior and without;
- what a verdict would be that knew those FIDs exactly: the ratio of the best with the prior to the
  best without, from study to study, and how often two studies contradict each other;
- whether racing pays: some of the trials are replicates of the leaders instead, and the best mean
  is recommended. Also where settings of a high ``ddpm_lr`` die in one run of five.
"""

import argparse
import concurrent.futures
import dataclasses
import math
import multiprocessing
import os
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from search import BUDGET, NOISE_FID, TRIALS, Curves, ours, simulate, study
from side_by_side import DATA, write

from study.spec.halving import rungs

TABLES = {"restorer": DATA / "digits-curves.csv", "none": DATA / "digits-none-curves.csv"}
"""The recorded curves, by prior."""

MARGIN = 0.1
"""A ratio that is further from 1 makes a verdict."""

SHARE, DEATHS = 0.75, 0.2
"""Settings above this share of the interval of ``ddpm_lr`` die in so many of their runs."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """How a search spends its trials: all but the replicates of its leaders are new settings."""

    leaders: int = 1
    replicates: int = 0

    def __str__(self) -> str:
        if not self.replicates:
            return "best of all trials"
        return f"{self.replicates} replicates of each of {self.leaders} leaders"


RULES = (Rule(), Rule(2, 2), Rule(3, 2))


class Mortal(Curves):
    """Curves of which those with a high ``ddpm_lr`` may die: they have the FID of noise then."""

    def dies_at_times(self, parameters: dict[str, float]) -> bool:
        """Return whether a setting is one of those."""
        names = [p.name for p in self.problem.parameters]
        return self._features(parameters)[names.index("ddpm_lr")] > SHARE

    def curve(
        self, parameters: dict[str, float], seed: int, epochs: Sequence[float]
    ) -> list[float]:
        """Return the FID after so many epochs."""
        if self.dies_at_times(parameters) and np.random.default_rng([seed, 1]).random() < DEATHS:
            return [NOISE_FID] * len(epochs)
        return super().curve(parameters, seed, epochs)


@dataclasses.dataclass(frozen=True)
class Recommended:
    """What a search recommends: what the setting is worth, and what the search has spent."""

    fid: float
    dies_at_times: bool
    epochs: float


def recommend(prior: str, rule: Rule, seed: int, curves: Curves) -> Recommended:
    """Replay a search, run the replicates and return what has the best mean of log FID."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    problem, plan = study({**BUDGET, "prior": prior})
    at = rungs(plan.grace_period, plan.reduction_factor, problem.max_resource)
    trials = TRIALS - rule.leaders * rule.replicates
    searcher, scheduler = ours(problem, plan, plan.sampler, plan.scheduler, seed)
    found = simulate(curves, searcher, scheduler, seed, at, trials=trials)
    leaders = sorted(zip(found.fids, range(len(found.fids)), strict=True))[: rule.leaders]
    means = {}
    for fid, number in leaders:
        seeds = (1000 * seed + 500 + 10 * number + i for i in range(rule.replicates))
        again = [curves.curve(found.settings[number], s, [problem.max_resource])[0] for s in seeds]
        means[number] = statistics.fmean(map(math.log, [fid, *again]))
    setting = found.settings[min(means, key=means.__getitem__)]
    return Recommended(
        curves.expected(setting),
        isinstance(curves, Mortal) and curves.dies_at_times(setting),
        found.epochs + rule.leaders * rule.replicates * problem.max_resource,
    )


def summary(found: Sequence[Recommended]) -> dict[str, Any]:
    """Return what recommended settings are worth, and how much that varies."""
    logs = np.log([each.fid for each in found])
    return {
        "fid": float(np.exp(logs.mean())),
        "deviation": float(logs.std(ddof=1)),
        "dies_at_times": statistics.fmean(each.dies_at_times for each in found),
        "epochs": statistics.fmean(each.epochs for each in found),
    }


def verdicts(treated: Sequence[Recommended], bare: Sequence[Recommended]) -> dict[str, Any]:
    """Return the ratio of the best with the prior to the best without, from study to study."""
    pairs = zip(treated, bare, strict=True)
    logs = np.array([math.log(mine.fid / other.fid) for mine, other in pairs])
    signs = np.where(np.abs(logs) > math.log1p(MARGIN), np.sign(logs), 0)
    ratios = np.exp([logs.mean(), *np.quantile(logs, (0.025, 0.975))])
    return {
        "ratio": ratios.tolist(),
        "deviation": float(logs.std(ddof=1)),
        "helps": float((signs < 0).mean()),
        "hurts": float((signs > 0).mean()),
        "contradictions": float((signs[::2] * signs[1::2] < 0).mean()),
    }


def main() -> None:
    """Replay all searches and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=100, help="of each kind, even (100)")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if args.searches < 4 or args.searches % 2:
        parser.error(f"--searches is {args.searches}; expected an even number, 4 or more")
    restorer, none = (study({**BUDGET, "prior": prior})[0] for prior in TABLES)
    worlds = {
        "with the prior": ("restorer", Curves(restorer, TABLES["restorer"]), RULES),
        "without": ("none", Curves(none, TABLES["none"]), RULES[:1]),
        "with the prior, some die": ("restorer", Mortal(restorer, TABLES["restorer"]), RULES),
    }
    found: dict[tuple[str, str], list[Recommended]] = {}
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        running = {
            (world, str(rule)): [
                pool.submit(recommend, prior, rule, seed, curves) for seed in range(args.searches)
            ]
            for world, (prior, curves, rules) in worlds.items()
            for rule in rules
        }
        for (world, rule), futures in running.items():
            found[world, rule] = [future.result() for future in futures]
            print(world, rule, summary(found[world, rule]), sep=", ", flush=True)
    first = str(RULES[0])
    between = verdicts(found["with the prior", first], found["without", first])
    print(between)
    rows = [{"searches": w, "rule": r, **summary(each)} for (w, r), each in found.items()]
    write("search-luck", {"searches": args.searches, "rows": rows, "verdicts": between})


if __name__ == "__main__":
    main()
