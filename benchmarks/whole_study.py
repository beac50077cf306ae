"""The whole 30-trial study by stage: where the workers' core-seconds go.

    python benchmarks/whole_study.py [--num-samples 30]

Runs the main command without confirmation, in a folder of its own, and adds up what its trials
recorded. What is left of the slots' time is Ray's: starting workers, handing trials out, waiting
for the last one.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from side_by_side import machine, write

from study.page.text import stage_seconds
from study.results.records import load_study
from study.spec.status import ENDED

WORK = ("dip_time_s", "train_time_s", "sample_time_s", "score_time_s")


def main() -> None:
    """Run a study, and write where its core-seconds went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-samples", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).parents[1] / "study" / "run.py")]
        options = ["--num-samples", str(args.num_samples), "--confirm-top", "0", "--name", "whole"]
        start = time.perf_counter()
        subprocess.run([*command, *options, "--results-dir", folder], check=True)
        command_s = time.perf_counter() - start
        study = load_study(Path(folder, "whole"))
    plan = study.info["settings"]["plan"]
    search_s = study.info["wall_time_s"]
    slots_s = search_s * plan["slots"]
    stages = stage_seconds(study)
    stages["Ray and the rest"] = slots_s - sum(stages.values())
    inside = sum(stages[stage] for stage in WORK) / slots_s
    print(f"{command_s:.0f} s, of which the search {search_s:.0f} s on {plan['slots']} slots")
    for stage, seconds in stages.items():
        print(f"{stage:22} {seconds:7.1f} core-seconds {seconds / slots_s:6.1%}")
    print(f"inside DIP, DDPM, sampling and scoring: {inside:.1%} of the slots' time")
    result = {
        "trials": {end: len(study.with_status(end)) for end in ENDED},
        "best_fid": study.best.metrics["fid"] if study.best else None,
        "command_s": command_s,
        "search_s": search_s,
        "slots": plan["slots"],
        "core_seconds": stages,
        "share_inside": inside,
    }
    write("whole-study", {"machine": machine(torch.device("cpu")), **result})


if __name__ == "__main__":
    main()
