"""What follows from a study's record: the derived files and the closing words."""

import math

import pandas as pd

from study.clock import clock
from study.dashboard import draw
from study.records import StudyRecord, TrialRecord
from study.results import BEST_FILE, DASHBOARD_FILE, PARETO_FILE, write_json, write_text
from study.verdict import verdict


def write_summary(study: StudyRecord) -> None:
    """``pareto.csv``, ``best.json`` (if a trial was completed) and the dashboard."""
    names = [p.name for p in study.description.parameters]
    columns = ["trial_id", *study.description.objectives, *names]
    front = [{"trial_id": t.trial_id, **t.metrics, **t.parameters} for t in study.front]
    table = pd.DataFrame(front, columns=columns)
    write_text(study.folder / PARETO_FILE, table.to_csv(index=False))
    if best := study.best:
        write_json(
            study.folder / BEST_FILE,
            {
                "trial_id": best.trial_id,
                "objective": study.description.objectives[0],
                "parameters": best.parameters,
                "metrics": best.metrics,
                "command": study.description.rerun_command(best.parameters),
            },
        )
    write_text(study.folder / DASHBOARD_FILE, draw(study))


def describe_study(study: StudyRecord) -> str:
    """The end of a study in a few lines: counts, the best trial, the front, where the time went."""
    counts = {s: len(study.with_status(s)) for s in ("completed", "stopped", "failed")}
    interrupted = len(study.with_status("interrupted"))
    lines = [
        f"{study.info['status']} after {clock(study.info['wall_time_s'])}: "
        + ", ".join(f"{count} {status}" for status, count in counts.items())
        + (f", {interrupted} interrupted" if interrupted else "")
    ]
    if best := study.best:
        lines += [
            "best: " + describe_trial(study, best),
            describe_scale(study, best),
            f"Pareto front: {len(study.front)} of {counts['completed']} completed trials",
            *describe_noise(study),
            "again: " + study.description.rerun_command(best.parameters),
        ]
    elif failed := study.with_status("failed"):
        lines.append(f"first failure: {failed[0].stop_reason}")
    if study.trials:
        lines.append(describe_costs(study))
    if study.confirmation:
        lines.append("verdict: " + verdict(study.confirmation))
    return "\n".join(lines)


def describe_noise(study: StudyRecord) -> list[str]:
    """Which objectives are noise in this search, and how large it is."""
    floors = {name: study.noise_floor(name) for name in study.description.objectives}
    return [
        f"{name}: nothing searched changes it; trials differ by chance, by up to {floor:.0%}, and "
        "count as equal within that"
        for name, floor in floors.items()
        if 0 < floor < math.inf
    ]


def describe_trial(study: StudyRecord, trial: TrialRecord) -> str:
    settings = ", ".join(f"{name} {value:.3g}" for name, value in trial.parameters.items())
    scores = ", ".join(f"{n} {trial.metrics[n]:.3g}" for n in study.description.objectives)
    return f"trial {trial.trial_id}, {scores} at {settings}"


def describe_scale(study: StudyRecord, trial: TrialRecord) -> str:
    """What to judge the first objective by: its references, and what it was measured on."""
    quality = study.description.metric(study.description.objectives[0])
    parts = []
    for name in quality.references:
        value = trial.metrics.get(name)
        text = f"{value:.3g}" if isinstance(value, float) else value
        parts.append(f"{study.description.metric(name).label} {text}")
    return f"beside that {quality.name}: {', '.join(parts)}"


def describe_costs(study: StudyRecord) -> str:
    """Where the slots' seconds went; what no metric accounts for is Ray, imports and waiting."""
    costs = stage_seconds(study)
    total = study.info["wall_time_s"] * study.info["settings"]["plan"]["slots"]
    parts = [
        f"{study.description.metric(name).label} {seconds:.0f} s" for name, seconds in costs.items()
    ]
    rest = max(0.0, total - sum(costs.values()))
    return f"of {total:.0f} slot-seconds: {', '.join(parts)}, Ray and the rest {rest:.0f} s"


def stage_seconds(study: StudyRecord) -> dict[str, float]:
    """Seconds of each part of the work, over all trials."""
    seconds = {}
    for metric in study.description.metrics:
        if metric.cost == "so far":
            values = [trial.metrics.get(metric.name, 0.0) for trial in study.trials]
        elif metric.cost == "each":
            values = [e.metrics.get(metric.name, 0.0) for t in study.trials for e in t.curve]
        else:
            continue
        seconds[metric.name] = sum(values)
    return seconds
