"""Evidence of the original's experiments, with planted effects."""

import math
from pathlib import Path

import numpy as np

from study.cluster.capacity import this_machine
from study.problem.published import PUBLISHED_COMBINED
from study.replication.condition_names import (
    ALONE,
    ALONE_LR,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    COMBINED_LR,
    COMBINED_RAW,
    FINE_STD,
    LOADERS,
    MIXED,
    NOISY_ALONE,
    NOISY_COMBINED,
    PRIOR_SET,
    RIVALS,
    SETTINGS,
    SUSPECTS,
    VARIANTS,
    dip_lr_name,
    dip_steps_name,
    setting_name,
    std_name,
    suspects_name,
)
from study.replication.design import as_info, describe, resolve_design
from study.replication.evidence import QUALITIES, Evidence
from study.results.records import Evaluation, StudyRecord, TrialRecord

SETTINGS_OF_QUICK = resolve_design({}, this_machine())
FID = {  # of all conditions that claims compare; 10 % apart but where planted
    ALONE: 10.0,
    std_name(0.8): 12.0,
    COMBINED: 14.0,
    std_name(1.2): 17.0,
    dip_lr_name(5e-4): 17.0,
    dip_lr_name(2e-3): 17.0,
    dip_lr_name(5e-3): 17.0,
    NOISY_ALONE: 50.0,
    NOISY_COMBINED: 30.0,
    RIVALS["gaussian"]: 36.0,
    RIVALS["pca"]: 45.0,
    std_name(FINE_STD): 11.0,
    dip_steps_name(3): 18.0,
    dip_steps_name(10): 22.0,
    **dict.fromkeys(VARIANTS, 9.0),
    MIXED: 8.0,
    COMBINED_RAW: 14.0,
}
PRIOR_PSNR = {  # the truer the prior set, the lower the FID
    std_name(FINE_STD): 20.0,
    std_name(0.8): 19.0,
    COMBINED: 18.0,
    std_name(1.2): 17.0,
    dip_steps_name(3): 16.5,
    dip_steps_name(10): 15.0,
}
CONTRAST = {  # crossed, they multiply; with a normalised input half the learning rate does more
    ALONE_UNIT: 0.7,
    ALONE_NORM: 0.5,
    ALONE_LR: 0.8,
    suspects_name("range", "norm"): 0.35,
    suspects_name("range", "lr"): 0.56,
    suspects_name("norm", "lr"): 0.2,
    suspects_name(*SUSPECTS): 0.14,
    COMBINED_LR: 0.8,
}


def evidence(
    seeds=5,
    steps_fid=(5.0, 20.0, 6.0),
    source=1.5,
    noise=0.005,
    info=None,
    precision=0.6,
    fid_noise=60.0,
    mixed_source=1.1,
    strokes=1.1,
    dip_s=6.0,
    second=None,
) -> Evidence:
    """A study in which all is planted, with a little noise of each value's own.

    With ``second``, the conditions that a second network sees with another FID, there are scores by
    that network too.
    """
    rng = np.random.default_rng(0)

    def shaken(value):
        return value * math.exp(rng.normal(0, noise))

    trials, extra_scores = [], {}
    for seed in range(1, seeds + 1):
        for name in (*FID, *CONTRAST):
            metrics = {
                "fid": shaken(FID.get(name, 40.0)),
                "fid_noise": fid_noise,
                "precision": precision,
                "contrast": shaken(CONTRAST.get(name, 1.0)),
                "time_total_s": shaken(30.0 if "DIP→" in name else 20.0),
                "dip_time_s": shaken(dip_s),
                "train_time_s": shaken(24.0),
                "sample_time_s": shaken(1.0),
                "nearest_source": mixed_source,
                "nearest_train": 1.2,
            }
            if second is not None:
                metrics["fid_second"] = second.get(name, metrics["fid"])
            trials.append(trial(len(trials), name, seed, metrics))
        for name, psnr in PRIOR_PSNR.items():
            extra_scores[name, seed] = [_scores(PRIOR_SET, psnr=psnr + math.log(shaken(1)))]
        extra_scores[COMBINED_RAW, seed] = [_scores(PRIOR_SET, stroke_level=shaken(strokes))]
        extra_scores[ALONE, seed] = [
            _scores("from noise", 10, fid=shaken(12.0), seconds=1.0),
            _scores("from noise", 50, fid=shaken(10.0), seconds=5.0),
        ]
        prior, few, many = steps_fid
        extra_scores[COMBINED, seed] += [
            _scores("restored", fid=shaken(50.0), psnr=15 + shaken(1), ssim=1 - 0.5 * shaken(1)),
            _scores("refined", fid=shaken(25.0), psnr=16 + shaken(1), ssim=1 - 0.4 * shaken(1)),
            _scores(
                *("from prior", 10),
                **{"fid": shaken(prior), "nearest_source": shaken(source), "seconds": shaken(1.0)},
            ),
            _scores("from noise", 10, fid=shaken(few), seconds=shaken(1.0)),
            _scores("from noise", 50, fid=shaken(many), seconds=shaken(5.0)),
        ]
    if second is not None:
        for line in (line for lines in extra_scores.values() for line in lines if "fid" in line):
            line["fid_second"] = line["fid"]
    timing = [
        {"group": SETTINGS, "item": item, "round": number, "seconds": shaken(0.1)}
        for number in range(20)
        for item in (ALONE, *(setting_name(*values) for values, _ in PUBLISHED_COMBINED))
    ]
    timing.append({"group": LOADERS, "item": "network", "round": 0, "seconds": 1.0})
    told = info or as_info(SETTINGS_OF_QUICK)
    study = StudyRecord("x", Path(), describe(SETTINGS_OF_QUICK), told, tuple(trials))
    return Evidence(study, timing, extra_scores)


def _scores(images, steps=None, **values):
    line = {"images": images, "nearest_train": 1.2, **values}
    return line if steps is None else {**line, "steps": steps}


def trial(number, condition, seed, metrics):
    """A completed run, with an evaluation half-way that had twice the FID."""
    return TrialRecord(
        number=number,
        trial_id=str(number),
        status="completed",
        stop_reason="",
        resource=18,
        parameters={"condition": condition, "seed": seed},
        metrics=metrics,
        curve=tuple(  # from twice the last FID, half-way
            Evaluation(
                round(18 * share),
                18 * share,
                {
                    **metrics,
                    **{name: metrics[name] / share for name in QUALITIES if name in metrics},
                    "time_total_s": 20 * share,
                },
            )
            for share in (0.5, 1)
        ),
        pictures={},
        started_s=0.0,
        ended_s=1.0,
        restarts=0,
        restart_reason="",
        node="",
        gpus="",
        device_memory_gb=None,
    )
