"""Sentences about a study, for the terminal and the page."""

import math
import re
import statistics
from collections.abc import Mapping
from typing import Any

from study.analysis.comparison import judges_of
from study.analysis.conditions import conditions_of, judged_with
from study.analysis.edges import best_at_edges
from study.page.numbers import short
from study.page.verdict_text import verdict_text
from study.results.folder import WIDENED
from study.results.records import StudyRecord, TrialRecord
from study.spec.problem import Metric
from study.spec.status import ENDED, TrialStatus


def clock(seconds: float) -> str:
    """Return a duration as ``4:05`` or ``1:02:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def describe_study(study: StudyRecord) -> str:
    """Return what came of a study in a few lines.

    They give the counts, the best trial, the front, where the time went and the verdict.
    """
    counts = {s: sum(t.status == s for t in study.trials) for s in ENDED}
    still_open = (TrialStatus.PAUSED, TrialStatus.INTERRUPTED)
    counts |= {s: count for s in still_open if (count := len(study.with_status(s)))}
    lines = [
        f"{study.info['status']} after {clock(study.info['wall_time_s'])}: "
        + ", ".join(f"{count} {status}" for status, count in counts.items())
    ]
    if best := study.best:
        lines += [
            "best: " + describe_trial(study, best),
            *describe_scale(study, best),
            *describe_replicates(study),
            *describe_edges(study),
            *describe_widenings(study.info),
            f"Pareto front: {len(study.front)} of {counts[TrialStatus.COMPLETED]} completed trials",
            *describe_noise(study),
            "again: " + study.rerun_command(best),
        ]
    elif failed := study.with_status(TrialStatus.FAILED):
        lines.append(f"first failure: {failed[0].stop_reason}")
    if study.trials:
        lines.append(describe_costs(study))
    if study.confirmation:
        lines.append("verdict: " + verdict_text(study.confirmation))
    return "\n".join(lines)


def describe_conditions(confirmation: StudyRecord) -> str:
    """Return what each confirmed condition reached over its seeds: the mean and the median."""
    name = confirmation.info["compared"][0]
    parts = []
    for condition in conditions_of(confirmation).values():
        trials = condition.trials.values()
        values = [t.metrics[name] for t in trials if name in t.metrics]
        if values and min(values) > 0:
            mean, middle = statistics.geometric_mean(values), statistics.median(values)
            reached = f"{short(mean)} (median {short(middle)}, {len(values)} seeds)"
            parts.append(f"{condition.name} {reached}")
    return f"confirmed with fresh seeds, {name}: {'; '.join(parts) or 'nothing yet'}"


def describe_noise(study: StudyRecord) -> list[str]:
    """Return a line per objective that the search cannot change, with the size of its noise."""
    floors = {name: study.noise_floor(name) for name in study.problem.objectives}
    return [
        f"{study.problem.metric(name).label}: nothing searched changes it; trials differ by "
        f"chance, by up to {floor:.0%}, and count as equal within that"
        for name, floor in floors.items()
        if 0 < floor < math.inf
    ]


def describe_trial(study: StudyRecord, trial: TrialRecord) -> str:
    """Return a trial's id, objectives and parameters in one line."""
    settings = ", ".join(f"{name} {short(value)}" for name, value in trial.parameters.items())
    scores = ", ".join(f"{n} {short(trial.metrics[n])}" for n in study.problem.objectives)
    return f"trial {trial.trial_id}, {scores} at {settings}"


def describe_best(study: StudyRecord, best: TrialRecord) -> str:
    """Return the best setting and its quality: the confirmed one, if there is one."""
    problem = study.problem
    quality = problem.metric(problem.objectives[0])
    settings = ", ".join(f"{p.label} {short(best.parameters[p.name])}" for p in problem.parameters)
    searched = short(best.metrics[quality.name])
    text = f"{settings}. {quality.label}"
    judged = judged_with(study.confirmation, best.parameters) if study.confirmation else None
    values = [t.metrics.get(quality.name, 0.0) for t in judged.trials.values()] if judged else []
    if values and min(values) > 0:
        return (
            f"{text} {short(statistics.geometric_mean(values))}, the mean over {len(values)} "
            f"fresh seeds ({searched} in the search, as trial {best.number}: the best of "
            f"{len(study.trials)} trials is also the luckiest)."
        )
    return (
        f"{text} {searched} in the search, as trial {best.number}, not confirmed with fresh seeds."
    )


def describe_origin(study: StudyRecord, trial: TrialRecord) -> str:
    """Return how a trial came by its setting, if not from the sampler for the first time."""
    if trial.replicate_of is not None:
        return f"a replicate of trial {trial.replicate_of}, with seed {trial.seed}"
    return "a start point" if study.is_start_point(trial) else ""


def describe_replicates(study: StudyRecord) -> list[str]:
    """Return how many trials repeat a setting, and what each run of the best setting reached."""
    again = sum(trial.replicate_of is not None for trial in study.trials)
    if study.best is None or not (again and study.searched):
        return []
    name = study.problem.objectives[0]
    completed = study.with_status(TrialStatus.COMPLETED)
    runs = [t for t in study.replicates(study.best) if t in completed]
    reached = ", ".join(f"{short(run.metrics[name])} with seed {run.seed}" for run in runs)
    lines = [f"replicates: {again} of {len(study.trials)} trials run a setting again, newly seeded"]
    return lines + ([f"the best setting's runs: {name} {reached}"] if len(runs) > 1 else [])


def describe_edges(study: StudyRecord) -> list[str]:
    """Return a line per parameter whose best value lies at an edge of its range, and what to do."""
    trials = len(study.trials)
    lines = []
    for at in best_at_edges(study):
        text = (
            f"best {at.parameter.label} {short(at.value)} is near the "
            f"{'upper' if at.upper else 'lower'} end of its range {at.parameter.range}"
        )
        more = at.parameter.widening.format(
            low=at.low, high=at.high, study=study.name, num_samples=trials + math.ceil(trials / 2)
        )
        lines.append(f"{text}: {more or 'better values may lie beyond'}")
    return lines


def describe_widenings(info: Mapping[str, Any]) -> list[str]:
    """Return a line for each time that a range became wider, from ``study.json``."""
    return [
        f"{each['parameter']}: searched from {each['before'][0]:g} to {each['before'][1]:g} by the "
        f"first {each['trials_before']} trials, from {each['now'][0]:g} to {each['now'][1]:g} since"
        for each in info.get(WIDENED, [])
    ]


def describe_scale(study: StudyRecord, trial: TrialRecord) -> list[str]:
    """Return a line of what to judge the first objective by, if it has references."""
    quality = study.problem.metric(study.problem.objectives[0])
    parts = [
        f"{study.problem.metric(name).label} {_without_hash(short(trial.metrics.get(name)))}"
        for name in quality.references
    ]
    return [f"To judge {quality.label} by: {', '.join(parts)}"] if parts else []


def describe_bounds(study: StudyRecord, trial: TrialRecord) -> str:
    """Return the numbers between which qualities lie, which way is better, and what they go by.

    They are those of the first objective, and of those that judge beside it.
    """
    problem = study.problem
    quality = problem.metric(problem.objectives[0])
    bounds = _bounds(quality, study, trial)
    better = "Lower is better" if quality.goal == "min" else "Higher is better"
    sentences = [f"{better}: {bounds}." if bounds else f"{better}."]
    judges = judges_of(study.confirmation) if study.confirmation else ()
    for metric in (quality, *map(problem.metric, judges)):
        text = f"{metric.label[0].upper()}{metric.label[1:]} {metric.about}"
        if metric.name != quality.name and (bounds := _bounds(metric, study, trial)):
            text += f" ({bounds})"
        if metric.about:
            sentences.append(f"{text}.")
    return " ".join(dict.fromkeys(sentences))


def _bounds(quality: Metric, study: StudyRecord, trial: TrialRecord) -> str:
    return ", ".join(
        f"{study.problem.metric(name).label} {short(value)}"
        for name in quality.references
        if isinstance(value := trial.metrics.get(name), float)
    )


def _without_hash(text: str) -> str:
    """Return ``NAME (…)`` for ``NAME@HASH (…)``, as features are named in the tables."""
    return re.sub(r"@[0-9a-f]{8,}", "", text)


def describe_costs(study: StudyRecord) -> str:
    """Return where the slots' seconds went.

    What no metric accounts for is Ray, imports and waiting.
    """
    costs = stage_seconds(study)
    total = study.info["wall_time_s"] * study.info["settings"]["plan"]["slots"]
    parts = [
        f"{study.problem.metric(name).label} {seconds:.0f} s" for name, seconds in costs.items()
    ]
    rest = max(0.0, total - sum(costs.values()))
    return f"of {total:.0f} slot-seconds: {', '.join(parts)}, Ray and the rest {rest:.0f} s"


def stage_seconds(study: StudyRecord) -> dict[str, float]:
    """Return the seconds of each part of the work, over all trials."""
    seconds = {}
    for metric in study.problem.metrics:
        if metric.cost == "so far":
            values = [trial.metrics.get(metric.name, 0.0) for trial in study.trials]
        elif metric.cost == "each":
            values = [e.metrics.get(metric.name, 0.0) for t in study.trials for e in t.curve]
        else:
            continue
        seconds[metric.name] = sum(values)
    return seconds
