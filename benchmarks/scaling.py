"""How far one driver scales: trials that sleep, on 1 to 64 slots, and 1,000 trials in a row.

    python benchmarks/scaling.py --slots 1 2 4 8 16
    python benchmarks/scaling.py --slots 32 64
    python benchmarks/scaling.py --trials 1000

Each trial sleeps for four seconds in all, between four evaluations with a small checkpoint and two
pictures; on more than 16 slots for longer, so that no more than four trials end in a second: two
cores, which the trials' processes share with the driver, carry no more. None is stopped early. A
slot is a process of this machine that takes next to none of it (but 0.4 GB: 64 need 26), so what is
measured is the driver: its search, its bookkeeping, its files. The rate counts from when every slot
has ended a trial, to when the last one begins: processes that start share the machine's cores,
which on a cluster each node does for itself.
"""

import argparse
import functools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from overhead import EVALUATED, evaluate, study, trivial
from side_by_side import DATA, machine, write

from study.engine import runner
from study.engine.plan import Plan
from study.results.records import load_study

TRIALS_PER_S = 4
PER_SLOT = 6
"""Trials per slot; the first starts its process."""


def sleeping(parameters: dict[str, Any], sleep_s: float) -> None:
    """Run a trial that sleeps between its evaluations."""
    for done in EVALUATED:
        time.sleep(sleep_s / len(EVALUATED))
        evaluate(parameters, done)


def plan(trials: int, slots: int) -> Plan:
    """Return a plan that gives each trial a share of two cores and stops none early."""
    return Plan("scaling", trials, "tpe", "none", 1, 3.0, 2 / slots, 0.0, slots, 0)


def on_slots(slots: int) -> dict[str, Any]:
    """Run trials on so many slots; return trials per second and how well the slots were used."""
    trials, sleep_s = PER_SLOT * slots, max(4.0, slots / TRIALS_PER_S)
    trainable, start = functools.partial(sleeping, sleep_s=sleep_s), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        record = load_study(study(plan(trials, slots), trainable, Path(name)))
    driver_s = time.process_time() - start
    spans = [(t.started_s, t.ended_s or 0.0) for t in record.trials]
    # from when every slot has ended a trial to when the last trial begins: all are in use
    since, until = sorted(end for _, end in spans)[slots - 1], max(begin for begin, _ in spans)
    inside = [(min(end, until) - max(begin, since)) / (end - begin) for begin, end in spans]
    rate = sum(share for share in inside if share > 0) / (until - since)
    return {
        "slots": slots,
        "trials": trials,
        "sleep_s": sleep_s,
        "trials_per_s": rate,
        "efficiency": rate * sleep_s / slots,
        "driver_cpu_s_per_trial": driver_s / trials,
        "all_slots_in_use_after_s": since,
    }


def memory_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def in_a_row(trials: int) -> dict[str, Any]:
    """Run so many trials, two at a time; return seconds per trial and the driver's memory."""
    before, start = memory_mb(), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        study(plan(trials, 2), trivial, Path(name))
    seconds = time.perf_counter() - start
    row = {"trials": trials, "seconds_per_trial": seconds / trials}
    return {**row, "driver_mb_before": before, "driver_mb_after": memory_mb()}


def main() -> None:
    """Measure what was asked for and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[], help="to measure")
    parser.add_argument("--trials", type=int, help="of a study that runs two at a time")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = DATA / "scaling.json"
    earlier = json.loads(file.read_text()) if file.exists() else {"slots": [], "in_a_row": None}
    rows = {row["slots"]: row for row in earlier["slots"]}
    runner.start_ray(cpus=2, gpus=0)
    for slots in args.slots:
        rows[slots] = on_slots(slots)
        print({name: round(value, 3) for name, value in rows[slots].items()}, flush=True)
    in_row = in_a_row(args.trials) if args.trials else earlier["in_a_row"]
    print(in_row)
    ray.shutdown()
    write(
        "scaling",
        {
            "machine": machine(torch.device("cpu")),
            "slots": [rows[slots] for slots in sorted(rows)],
            "in_a_row": in_row,
        },
    )


if __name__ == "__main__":
    main()
