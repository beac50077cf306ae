"""Confirmations with a planted effect."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from study.results.records import Evaluation, StudyRecord, TrialRecord
from study.spec.problem import Metric, Parameter
from support.toy_problem import TOY


def curve(points):
    return tuple(Evaluation(i, 0.0, {"work_s": t, "error": v}) for i, (t, v) in enumerate(points))


def trial(number, treated, seed, final_error, seconds, status="completed"):
    """error falls tenfold over the trial's seconds, evenly on a log scale."""
    points = [(seconds * share, final_error * 10 ** (1 - share)) for share in (0.25, 0.5, 0.75, 1)]
    return TrialRecord(
        number=number,
        trial_id=str(number),
        status=status,
        stop_reason="" if status == "completed" else "the loss is not finite",
        resource=4,
        parameters={"treated": treated, "seed": seed},
        metrics={"error": final_error, "work_s": seconds},
        curve=curve(points),
        pictures={},
        started_s=0.0,
        ended_s=seconds,
        held_s=seconds,
        restarts=0,
        restart_reason="",
        node="",
        gpus="",
        device_memory_gb=None,
    )


def confirmation(
    treated_error, treated_seconds, seeds=9, noise=0.005, failed=(), harm=None, harm_noise=0.005
):
    """A treated condition and its baseline, with half a per cent of noise.

    Of the seeds in ``failed`` the treated trial failed. ``harm`` is that of the treated by a second
    measure, which does not change within a trial; the baseline's is 1.
    """
    rng = np.random.default_rng(1)
    trials = []
    for seed in range(seeds):
        for treated, error, seconds in (("yes", treated_error, treated_seconds), ("no", 1.0, 10.0)):
            status = "failed" if treated == "yes" and seed in failed else "completed"
            factor, longer = (math.exp(rng.normal(0, deviation)) for deviation in (noise, 0.005))
            trials.append(
                trial(len(trials), treated, seed, error * factor, seconds * longer, status)
            )
    parameters = (Parameter("treated", "treated", choices=("yes", "no")), Parameter("seed", "seed"))
    rerun = "toy --treated {treated} --seed {seed}"
    problem = dataclasses.replace(TOY, parameters=parameters, rerun=rerun)
    info = {
        "status": "finished",
        "conditions": {
            "the treated": {"parameters": {"treated": "yes"}},
            "bare": {"parameters": {"treated": "no"}},
        },
        "pairs": [["the treated", "bare"]],
        "compared": ["error", "work_s"],
        "time_axis": "work_s",
        "treatment": "the cure",
        "looks": [4, 6, 9, 12, 16],
    }
    if harm is not None:
        info["second_judges"] = ["harm"]
        problem = dataclasses.replace(
            problem, metrics=(*problem.metrics, Metric("harm", "harm", goal="min"))
        )
        harms = {"yes": harm, "no": 1.0}
        trials = [
            with_metric(each, "harm", harms[each.parameters["treated"]] * math.exp(luck))
            for each, luck in zip(trials, rng.normal(0, harm_noise, len(trials)), strict=True)
        ]
    return StudyRecord("confirm", Path(), problem, info, tuple(trials))


def with_metric(trial, name, value):
    """The trial with a metric that has the same value at each evaluation."""
    curve = tuple(dataclasses.replace(e, metrics={**e.metrics, name: value}) for e in trial.curve)
    return dataclasses.replace(trial, metrics={**trial.metrics, name: value}, curve=curve)
