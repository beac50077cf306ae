"""How often is a verdict wrong? Confirmations are simulated, and judged as real ones are.

    python benchmarks/verdicts.py --studies 10000 [--noise recorded] [--write]

Each simulated confirmation has the conditions of a real one: the best trial, the original setting,
their twins without prior and the tuned baseline. It gets as many seeds as it asks for, up to
sixteen. What is planted is known, so what a verdict says of it can be counted:

- no effect: how many verdicts name any direction, in any comparison, and how many say "no
  difference" first;
- an effect of 9 %: how many first sentences have the right direction, and in how many pairs of
  independent confirmations the two contradict each other;
- no effect, but one treated seed in five fails: how many verdicts name the failed seeds.

What the seed of a run does to its log FID is normal, independent in all conditions and for both
networks, with the deviation of recorded ones; or drawn from the runs of recorded
confirmations (``results/reference/mnist-small-*``), those of one seed together.
The last line is JSON: each share with its 95 % interval.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from side_by_side import write

from study.analysis.comparison import OPEN
from study.analysis.conditions import conditions_of
from study.analysis.sequential import GROUPS
from study.analysis.verdict import Verdict, seeds_wanted, verdict_of
from study.commands.confirm import BASELINE, COMPARED, ORIGINAL, TREATMENT
from study.page.verdict_text import verdict_text
from study.problem.metrics import METRICS, SECOND_JUDGE
from study.results.records import Evaluation, StudyRecord, TrialRecord, load_study
from study.spec.problem import Parameter, Problem
from study.spec.status import TrialStatus

RESULTS = Path(__file__).parents[1] / "results/reference"
RECORDED = tuple(sorted(RESULTS.glob("mnist-small-*")))
EFFECT = 0.09
DEATHS = 0.2
BEST, TWIN = "the best trial", "no prior, as the best trial"
ORIGINAL_TWIN = "no prior, as the original setting"
SETTINGS = {BEST: "best", TWIN: "best", BASELINE: "tuned", ORIGINAL: "original"}
CONDITIONS = {
    name: {"prior": "restorer" if name in (BEST, ORIGINAL) else "none", "setting": setting}
    for name, setting in (SETTINGS | {ORIGINAL_TWIN: "original"}).items()
}
PAIRS = [(BEST, BASELINE), (BEST, TWIN), (ORIGINAL, BASELINE), (ORIGINAL, ORIGINAL_TWIN)]
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Where in a run's time its evaluations lie."""

BLOCK = 50
"""Confirmations of a kind that are simulated from one random stream."""

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
        dataclasses.replace(metric, references=())
        for metric in METRICS
        if metric.name in (*COMPARED, SECOND_JUDGE)
    ),
    objectives=("fid",),
    resource="epoch",
    max_resource=len(SHARES),
    rerun="",
)

QUALITIES = ("fid", SECOND_JUDGE)

Column = tuple[str, str]
"""A condition, and a quality of its runs."""

Noise = Callable[[np.random.Generator], dict[Column, float]]
"""Draws what one seed does to the logarithms of the qualities of the conditions."""

Recorded = tuple[tuple[Column, ...], np.ndarray]
"""Columns, and what seeds did to the logarithms in them: (seeds, columns), of mean 0."""

SMOOTHING = 0.5

Share = dict[str, float]


def reference_deviation() -> float:
    """Return the deviation of a run's log FID in the recorded studies, beside what its seed does.

    It is that of the conditions that lead: what is left without the means of conditions and seeds,
    which take degrees of freedom.
    """
    columns, table = recorded_groups()[0]  # of mean 0 in each column
    logs = table[:, [name == "fid" for _, name in columns]]
    left = logs - logs.mean(1, keepdims=True)
    return float(np.sqrt((left**2).sum() / (len(logs) * (logs.shape[1] - 1))))


def normal_noise(deviation: float, rng: np.random.Generator) -> dict[Column, float]:
    """Return normal noise, independent in all conditions and by both networks."""
    columns = list(itertools.product(CONDITIONS, QUALITIES))
    return dict(zip(columns, rng.normal(0, deviation, len(columns)).tolist(), strict=True))


def recorded_noise(groups: list[Recorded], rng: np.random.Generator) -> dict[Column, float]:
    """Return noise like that of a recorded seed; conditions of different groups have another each.

    It is drawn by a smoothed bootstrap (Silverman & Young 1987): a recorded seed, and normal noise
    of the same covariance, half as large. Without the latter few seeds would soon repeat each
    other exactly, by which a deviation is none.
    """
    found: dict[Column, float] = {}
    for columns, table in groups:
        seeds = len(table)
        normal = rng.normal(size=seeds) @ table / math.sqrt(seeds)  # (columns,)
        drawn = (table[rng.integers(seeds)] + SMOOTHING * normal) / math.hypot(1, SMOOTHING)
        found |= dict(zip(columns, drawn.tolist(), strict=True))
    return found


def recorded_groups(folders: Sequence[Path] = RECORDED) -> list[Recorded]:
    """Return what seeds did to log FID: of the settings that lead, and of the original's.

    Only those seeds count that all conditions of a group have. Each study has settings of its own,
    so each condition's mean is taken off within a study; the rest is stretched, for the degree of
    freedom that the mean takes.
    """
    studies = [confirmation for f in folders if (confirmation := load_study(f).confirmation)]
    groups: list[Recorded] = []
    for names in ((BASELINE, BEST, TWIN), (ORIGINAL, ORIGINAL_TWIN)):
        left = []
        for conditions in map(conditions_of, studies):
            mine = [conditions[name] for name in names]
            seeds = sorted(set.intersection(*(set(each.trials) for each in mine)))
            table = np.log([each.values(q, seeds) for each in mine for q in QUALITIES]).T
            left.append((table - table.mean(0)) * math.sqrt(len(seeds) / (len(seeds) - 1)))
        groups.append((tuple(itertools.product(names, QUALITIES)), np.concatenate(left)))
    return groups


def trials(
    rng: np.random.Generator, noise: Noise, effect: float, deaths: float
) -> list[TrialRecord]:
    """Return all runs of a confirmation whose treated FIDs are ``1 + effect`` times the others."""
    made = []
    for seed in range(GROUPS[-1]):
        luck = noise(rng)
        for name, parameters in CONDITIONS.items():
            treated = parameters["prior"] != "none"
            level = 5.0 * (1 + effect * treated)
            quality = {each: level * math.exp(luck[name, each]) for each in QUALITIES}
            seconds = 30 * math.exp(rng.normal(0, SECONDS_NOISE))
            failed = treated and rng.random() < deaths
            made.append(run(len(made), {**parameters, "seed": seed}, quality, seconds, failed))
    return made


def run(
    number: int,
    parameters: dict[str, Any],
    quality: dict[str, float],
    seconds: float,
    failed: bool,
) -> TrialRecord:
    """Return a run whose FID falls as its time grows."""
    points = [
        {"time_total_s": seconds * share} | {name: value / share for name, value in quality.items()}
        for share in SHARES
    ]
    return TrialRecord(
        number=number,
        trial_id=str(number),
        status=TrialStatus.FAILED if failed else TrialStatus.COMPLETED,
        stop_reason="planted" if failed else "",
        resource=len(SHARES),
        parameters=parameters,
        metrics={} if failed else {**quality, **dict.fromkeys(COMPARED[1:], seconds)},
        curve=tuple(Evaluation(i + 1, 0.0, point) for i, point in enumerate(points)),
        pictures={},
        started_s=0.0,
        ended_s=seconds,
        restarts=0,
        restart_reason="",
        node="",
        gpus="",
        device_memory_gb=None,
    )


def confirmation(
    rng: np.random.Generator, noise: Noise, effect: float = 0.0, deaths: float = 0.0
) -> StudyRecord:
    """Return a confirmation with as many seeds of each condition as its verdicts have asked for."""
    all_trials = trials(rng, noise, effect, deaths)
    info = {
        "conditions": {name: {"parameters": p} for name, p in CONDITIONS.items()},
        "pairs": PAIRS,
        "compared": COMPARED,
        "second_judges": [SECOND_JUDGE],
        "time_axis": "time_total_s",
        "treatment": TREATMENT,
        "looks": list(GROUPS),
    }
    counts, wanted = {}, dict.fromkeys(CONDITIONS, GROUPS[0])
    while wanted != counts:
        counts = wanted
        most = [counts[name] for name in CONDITIONS]
        there = tuple(t for t in all_trials if t.parameters["seed"] < most[t.number % len(most)])
        record = StudyRecord("simulated", Path(), PROBLEM, info, there)
        more = seeds_wanted(record, GROUPS[-1])
        wanted = {name: max(count, more[name]) for name, count in counts.items()}
    return record


def names_a_direction(verdict: Verdict) -> bool:
    """Return whether any comparison of a verdict says that something is lower or higher."""
    return any(
        each.direction != OPEN
        for pair in verdict.pairs
        for each in (*(c for j in pair.judgements for c in j.both), pair.failures, *pair.others)
    )


def first_sentence(verdict: Verdict) -> str:
    """Return what a verdict leads with: a direction, ``none``, ``contradiction`` or ``open``.

    A direction is that of both networks, or of the one that shows any. There is none where the
    first network shows that there is no difference, and the second none.
    """
    lead = [judgement.quality for judgement in verdict.pairs[0].judgements]
    sides = {c.direction for c in lead} - {OPEN}
    if sides:
        return "contradiction" if len(sides) > 1 else sides.pop()
    return "none" if lead[0].size == "within" else OPEN


@dataclasses.dataclass
class Counted:
    """What was counted, a value per simulated confirmation."""

    false: list[bool] = dataclasses.field(default_factory=list)
    none: list[bool] = dataclasses.field(default_factory=list)
    directions: list[str] = dataclasses.field(default_factory=list)
    named: list[bool] = dataclasses.field(default_factory=list)
    runs: list[int] = dataclasses.field(default_factory=list)
    runs_with_effect: list[int] = dataclasses.field(default_factory=list)


def count(noise: Noise, studies: int, seed: list[int]) -> Counted:
    """Simulate so many confirmations of each kind, and a tenth as many with seeds that fail."""
    rng, counted = np.random.default_rng(seed), Counted()
    for _ in range(studies):
        record = confirmation(rng, noise)
        verdict = verdict_of(record)
        counted.false.append(names_a_direction(verdict))
        counted.none.append(first_sentence(verdict) == "none")
        counted.runs.append(len(record.trials))
        record = confirmation(rng, noise, EFFECT)
        counted.directions.append(first_sentence(verdict_of(record)))
        counted.runs_with_effect.append(len(record.trials))
    for _ in range(max(1, studies // 10)):
        record = confirmation(rng, noise, deaths=DEATHS)
        failed = any(pair.failures.failed for pair in verdict_of(record).pairs)
        counted.named.append(failed == ("seeds failed" in verdict_text(record)))
    return counted


def simulate(studies: int, noise: Noise, seed: int, processes: int) -> Counted:
    """Simulate in blocks, side by side; which numbers are drawn depends on the seed alone."""
    blocks = [min(BLOCK, studies - done) for done in range(0, studies, BLOCK)]
    total = Counted()
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        tasks = [pool.submit(count, noise, size, [seed, i]) for i, size in enumerate(blocks)]
        for number, task in enumerate(tasks, 1):
            for field in dataclasses.fields(Counted):
                getattr(total, field.name).extend(getattr(task.result(), field.name))
            print(f"{time.strftime('%H:%M:%S')} {number}/{len(tasks)}", file=sys.stderr)
    return total


def share(hits: list[bool]) -> Share:
    """Return the share of hits with its 95 % interval (Clopper & Pearson 1934)."""
    interval = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return {
        "share": sum(hits) / len(hits),
        "low": float(interval.low),
        "high": float(interval.high),
    }


def spread(values: list[int]) -> Share:
    """Return mean, median and the middle nine tenths."""
    low, median, high = (float(np.quantile(values, q)) for q in (0.05, 0.5, 0.95))
    return {"mean": statistics.fmean(values), "median": median, "low": low, "high": high}


def summary(counted: Counted) -> dict[str, Share]:
    """Return how often verdicts are right and wrong, and how many runs they rest on."""
    twos = list(zip(counted.directions[::2], counted.directions[1::2], strict=False))
    return {
        "false_verdicts": share(counted.false),
        "no_difference": share(counted.none),
        "right_direction": share([each == "higher" for each in counted.directions]),
        "contradictions": share([set(two) == {"higher", "lower"} for two in twos]),
        "failures_named": share(counted.named),
        "runs_without_effect": spread(counted.runs),
        "runs_with_effect": spread(counted.runs_with_effect),
    }


def main() -> None:
    """Simulate and print a table and, last, a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="of each kind (1000)")
    parser.add_argument("--noise", choices=("normal", "recorded"), default="normal")
    parser.add_argument(
        "--deviation",
        type=float,
        help="of normal noise in log FID; that of the recorded runs without it",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="keep the figures for the docs")
    args = parser.parse_args()
    if args.studies < 2:
        parser.error(f"--studies: {args.studies} is too few; 2 or more")
    deviation = args.deviation or reference_deviation()
    noise: Noise
    if args.noise == "recorded":
        groups = recorded_groups()
        noise = functools.partial(recorded_noise, groups)
        about = "recorded noise, {} seeds of the settings that lead and {} of the original's"
        about = about.format(*(len(table) for _, table in groups))
    else:
        noise = functools.partial(normal_noise, deviation)
        about = f"normal noise, deviation of a run's log FID {deviation:.3f}"
    print(f"{args.studies} studies of each kind; {about}")
    found = summary(simulate(args.studies, noise, args.seed, args.processes))
    for name, values in found.items():
        line = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
        print(f"{name:22} {line}")
    if args.write:
        kind = "recorded" if args.noise == "recorded" else f"normal-{deviation:.3f}"
        write(f"verdicts-{kind}", {"studies": args.studies, "noise": about, **found})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
