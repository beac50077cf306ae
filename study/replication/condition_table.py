"""The conditions of a replication as a table: means over seeds, beside the published figures."""

import statistics
from collections.abc import Mapping
from typing import Any

from study.analysis.conditions import Condition
from study.problem.published import PUBLISHED_DIP
from study.replication.condition_names import (
    AS_REPORTED,
    COMBINED,
    CONTROLLED,
    DIP_ALONE,
    DIP_FITTED,
    DIP_HELD_OUT,
    as_reported_name,
)
from study.replication.evidence import Evidence

MEASURED = (
    *("time_per_iteration_s", "dip_time_s", "train_time_s", "time_total_s", "sample_time_s"),
    *("fid", "fid_floor", "fid_noise", "fid_second", "fid_second_floor"),
    *("kid", "precision", "recall", "contrast"),
    *("nearest_train", "nearest_source"),
    *("dip_psnr_noisy", "dip_psnr", "dip_ssim", "scored_images"),
)
SETTINGS_SHOWN = (
    *("regime", "prior", "dip_lr", "ddpm_lr", "std", "value_range", "prior_output", "loader"),
    *("restorer", "denoiser", "dip_steps", "batch_size", "epochs"),
    *("prediction", "schedule", "sampling_weights", "sampler_steps", "variance", "output_range"),
    *("start_step", "start_weight", "start_images", "dip_step"),
)

DIP_SETTINGS = ("regime", "prior", "dip_lr", "std", "value_range", "restorer", "dip_steps")
DIP_ALONE_IN = {
    as_reported_name(DIP_ALONE): {
        "fitted": as_reported_name(DIP_FITTED),
        "restored": as_reported_name(DIP_HELD_OUT),
    },
    COMBINED: {"restored": DIP_ALONE},
}
"""Conditions whose DIP stage stands for DIP alone: which images, and what a line of them is called.

The first is run for its DIP stage alone, and has no line of its own.
"""


def conditions_table(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the lines of ``conditions.csv``: means over seeds, beside the published figures."""
    plans, lines = evidence.study.info["conditions"], []
    for kind in (AS_REPORTED, CONTROLLED):
        mine = {
            name: _condition_line(evidence.conditions[name], about)
            for name, about in plans.items()
            if about["kind"] == kind
        }
        for name in DIP_ALONE_IN.keys() & mine.keys():
            lines += _dip_alone(evidence, name, mine[name])
        lines += [line for name, line in mine.items() if name != as_reported_name(DIP_ALONE)]
    return lines


def _condition_line(condition: Condition, about: Mapping[str, Any]) -> dict[str, Any]:
    trials = list(condition.trials.values())
    means = {
        metric: statistics.fmean(values)
        for metric in MEASURED
        if (values := [t.metrics[metric] for t in trials if metric in t.metrics])
    }
    return {
        "condition": condition.name,
        "kind": about["kind"],
        "n": len(trials),
        # a replication that an earlier version began lacks the settings that have come since
        **{name: about["settings"].get(name) for name in SETTINGS_SHOWN},
        **means,
        **{f"published_{key}": value for key, value in about["published"].items()},
    }


def _dip_alone(evidence: Evidence, name: str, condition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what DIP made of images in a condition: of held-out ones, and of those it has seen."""
    lines = []
    for images, label in DIP_ALONE_IN[name].items():
        restored = [
            {**line, **{f"dip_{key}": line[key] for key in ("psnr", "ssim") if key in line}}
            for (scored, _), found in evidence.extra_scores.items()
            for line in found
            if scored == name and line["images"] == images
        ]
        means = {
            metric: statistics.fmean(line[metric] for line in restored)
            for metric in (*MEASURED, "n")
            if restored and all(metric in line for line in restored)
        }
        measured = ("dip_time_s", "fid_floor", "fid_noise", "fid_second_floor")
        lines.append(
            {
                "condition": label,
                "kind": condition["kind"],
                "n": len(restored),
                **{key: condition[key] for key in (*DIP_SETTINGS, *measured) if key in condition},
                "time_total_s": condition.get("dip_time_s"),
                **{metric: means[metric] for metric in MEASURED if metric in means},
                "scored_images": means.get("n"),
                "published_says": PUBLISHED_DIP.says if images == "fitted" else "",
            }
        )
    return lines
