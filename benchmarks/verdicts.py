"""How often is a verdict wrong? Confirmations are simulated, and judged as real ones are.

    python benchmarks/verdicts.py --studies 10000 [--noise recorded]

Each simulated confirmation has the conditions of a real one: the best trial, the original setting,
their twins without prior and the tuned baseline, with up to sixteen seeds. What is planted is
known, so what a verdict says of it can be counted:

- no effect: how many verdicts name any direction, in any comparison, and how many say "no
  difference" first;
- an effect of 9 %: how many first sentences have the right direction, and in how many pairs of
  independent confirmations the two contradict each other;
- no effect, but one treated seed in five fails: how many verdicts name the failed seeds.

The noise of a run, beside what its seed does to all conditions, is normal or drawn from recorded
runs; its deviation is that of the reference study. The last line is JSON: each share with its 95 %
interval.
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from study.analysis.comparison import OPEN
from study.analysis.conditions import conditions_of
from study.analysis.sequential import GROUPS
from study.analysis.verdict import Verdict, seeds_wanted, verdict_of
from study.commands.confirm import BASELINE, COMPARED, ORIGINAL, TREATMENT
from study.page.verdict_text import verdict_text
from study.problem.definition import METRICS
from study.results.records import Evaluation, StudyRecord, TrialRecord, load_study
from study.spec.problem import Parameter, Problem
from study.spec.status import TrialStatus

REFERENCE = Path(__file__).parents[1] / "results/reference"
LEARNT = math.log(30)
"""The log FID below which a condition counts as trained; others vary otherwise."""

EFFECT = 0.09
DEATHS = 0.2
BEST, TWIN, ORIGINAL_TWIN = "the best trial", "no prior, as the best trial", "no prior, as original"
SETTINGS = {BEST: "best", TWIN: "best", BASELINE: "tuned", ORIGINAL: "original"}
CONDITIONS = {
    name: {"prior": "restorer" if name in (BEST, ORIGINAL) else "none", "setting": setting}
    for name, setting in (SETTINGS | {ORIGINAL_TWIN: "original"}).items()
}
PAIRS = [(BEST, BASELINE), (BEST, TWIN), (ORIGINAL, BASELINE), (ORIGINAL, ORIGINAL_TWIN)]
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Where in a run's time its evaluations lie."""

SECONDS_NOISE = 0.03
"""The deviation of a run's seconds, as a share of them."""

PROBLEM = Problem(
    title="simulated",
    parameters=(
        Parameter("prior", "prior", choices=("restorer", "none")),
        Parameter("setting", "setting", choices=("best", "tuned", "original")),
        Parameter("seed", "seed", 0, 2**32 - 1, step=1),
    ),
    metrics=tuple(
        dataclasses.replace(metric, references=()) for metric in METRICS if metric.name in COMPARED
    ),
    objectives=("fid",),
    resource="epoch",
    max_resource=len(SHARES),
    rerun="",
)

Noise = Callable[[np.random.Generator], float]
"""Draws the logarithm of one run's FID, over that of its condition."""


def log_fids(study: StudyRecord) -> np.ndarray:
    """Return log FID by condition and seed, of the conditions that have learnt to draw."""
    rows = []
    for condition in conditions_of(study).values():
        values = condition.values("fid", sorted(condition.trials))
        if len(values) > 2 and math.log(statistics.geometric_mean(values)) < LEARNT:
            rows.append(np.log(values))
    return np.array(rows)


def residuals(logs: np.ndarray) -> np.ndarray:
    """Return what is left of a table without the means of its rows and columns, and stretch it.

    The means take degrees of freedom, hence deviation, which the stretching gives back.
    """
    rows, columns = logs.shape
    left = logs - logs.mean(0) - logs.mean(1, keepdims=True) + logs.mean()
    return (left * math.sqrt(rows * columns / ((rows - 1) * (columns - 1)))).ravel()


def confirmation(
    rng: np.random.Generator, noise: Noise, effect: float = 0.0, deaths: float = 0.0
) -> StudyRecord:
    """Return a confirmation whose treated FIDs are ``1 + effect`` times the untreated ones."""
    trials = []
    for seed in range(GROUPS[-1]):
        for parameters in CONDITIONS.values():
            treated = parameters["prior"] != "none"
            fid = 5.0 * (1 + effect * treated) * math.exp(noise(rng))
            seconds = 30 * math.exp(rng.normal(0, SECONDS_NOISE))
            times = dict.fromkeys(COMPARED[1:], seconds)
            failed = treated and rng.random() < deaths
            trials.append(
                TrialRecord(
                    number=len(trials),
                    trial_id=str(len(trials)),
                    status=TrialStatus.FAILED if failed else TrialStatus.COMPLETED,
                    stop_reason="planted" if failed else "",
                    resource=len(SHARES),
                    parameters={**parameters, "seed": seed},
                    metrics={} if failed else {"fid": fid, **times},
                    curve=tuple(
                        Evaluation(
                            i + 1, 0.0, {"fid": fid / share, "time_total_s": seconds * share}
                        )
                        for i, share in enumerate(SHARES)
                    ),
                    pictures={},
                    started_s=0.0,
                    ended_s=seconds,
                    restarts=0,
                    restart_reason="",
                    node="",
                    gpus="",
                    device_memory_gb=None,
                )
            )
    info = {
        "conditions": {name: {"parameters": p} for name, p in CONDITIONS.items()},
        "pairs": PAIRS,
        "compared": COMPARED,
        "time_axis": "time_total_s",
        "treatment": TREATMENT,
        "looks": list(GROUPS),
    }
    return StudyRecord("simulated", Path(), PROBLEM, info, tuple(trials))


def names_a_direction(verdict: Verdict) -> bool:
    """Return whether any comparison of a verdict says that something is lower or higher."""
    return any(
        each.direction != OPEN
        for pair in verdict.pairs
        for each in (pair.quality, pair.at_equal_time, pair.failures, *pair.others)
    )


def share(hits: list[bool]) -> dict[str, float]:
    """Return the share of hits with its 95 % interval (Clopper & Pearson 1934)."""
    interval = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return {
        "share": sum(hits) / len(hits),
        "low": float(interval.low),
        "high": float(interval.high),
    }


def simulate(studies: int, noise: Noise, seed: int) -> dict[str, dict[str, float]]:
    """Return how often verdicts are right and wrong."""
    rng = np.random.default_rng(seed)
    false, none, seeds = [], [], []
    for number in range(studies):
        record = confirmation(rng, noise)
        verdict = verdict_of(record)
        false.append(names_a_direction(verdict))
        lead = verdict.pairs[0].quality
        none.append(lead.direction == OPEN and lead.size == "within")
        seeds.append(max(seeds_wanted(record, GROUPS[-1]).values()))
        show(number, studies, "without an effect")
    directions = []
    for number in range(studies):
        verdict = verdict_of(confirmation(rng, noise, EFFECT))
        directions.append(verdict.pairs[0].quality.direction)
        show(number, studies, f"with an effect of {EFFECT:.0%}")
    named = []
    for number in range(max(1, studies // 10)):
        record = confirmation(rng, noise, deaths=DEATHS)
        failed = any(pair.failures.failed for pair in verdict_of(record).pairs)
        named.append(failed == ("seeds failed" in verdict_text(record)))
        show(number, studies // 10, "with seeds that fail")
    twos = list(zip(directions[::2], directions[1::2], strict=False))
    return {
        "false_verdicts": share(false),
        "no_difference": share(none),
        "right_direction": share([each == "higher" for each in directions]),
        "contradictions": share([set(two) == {"higher", "lower"} for two in twos]),
        "failures_named": share(named),
        "seeds_without_effect": {
            "median": float(np.median(seeds)),
            "low": float(np.quantile(seeds, 0.05)),
            "high": float(np.quantile(seeds, 0.95)),
        },
    }


def show(number: int, total: int, what: str) -> None:
    """Show how far the simulation has come, a line for each tenth."""
    if (number + 1) % max(1, total // 10) == 0:
        print(f"{time.strftime('%H:%M:%S')} {what}: {number + 1} of {total}", file=sys.stderr)


def main() -> None:
    """Simulate and print a table and, last, a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--noise", choices=("normal", "recorded"), default="normal")
    parser.add_argument(
        "--deviation", type=float, help="of a run's log FID; that of the reference without it"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    quick = load_study(REFERENCE / "quick").confirmation
    assert quick is not None
    deviation = args.deviation or float(np.std(residuals(log_fids(quick))))
    recorded = residuals(log_fids(load_study(REFERENCE / "mnist-tenth")))
    if args.noise == "recorded":

        def noise(rng: np.random.Generator) -> float:
            return float(rng.choice(recorded)) * deviation / float(np.std(recorded))
    else:

        def noise(rng: np.random.Generator) -> float:
            return float(rng.normal(0, deviation))

    print(f"{args.studies} studies; {args.noise} noise, deviation of log FID {deviation:.3f}")
    found = simulate(args.studies, noise, args.seed)
    for name, values in found.items():
        line = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
        print(f"{name:22} {line}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
