"""The verdict of a confirmation in words, from its comparisons."""

import math
import statistics
from collections.abc import Mapping, Sequence

from study.analysis.comparison import EQUAL_TIME, Comparison, comparisons
from study.analysis.conditions import Condition, conditions_of
from study.results.records import StudyRecord
from study.spec.problem import Metric

OUTLIER = 3.0
"""Times the median: a seed so much worse has failed rather than varied."""


def verdict_text(confirmation: StudyRecord) -> str:
    """Return a paragraph: does the treatment help, at equal epochs and at equal total time?"""
    info, found = confirmation.info, comparisons(confirmation)
    quality = confirmation.problem.metric(info["compared"][0])
    conditions = conditions_of(confirmation)
    seeds = max(len(condition.trials) for condition in conditions.values())
    lead = next(c for c in found if c.metric == quality.name)
    answer = "nothing can be said"
    if lead.effect.n:
        answer = _judgement(lead, quality, info["treatment"])
    sentences = [
        f"{_capital(answer)} ({lead.condition} against {lead.baseline}).",
        f"{seeds} seeds each; ratios of geometric means [95 % interval].",
    ]
    for pair in info["pairs"]:
        mine = {c.metric: c for c in found if [c.condition, c.baseline] == list(pair)}
        sentences.append(_pair_text(confirmation, mine, quality))
    sentences += [_outliers_text(condition, quality) for condition in conditions.values()]
    sentences += _times_text(confirmation, found)
    return " ".join(sentence for sentence in sentences if sentence)


def _pair_text(confirmation: StudyRecord, found: Mapping[str, Comparison], quality: Metric) -> str:
    """Return what a condition does to the quality, at equal epochs and at equal total time."""
    epochs, time = found[quality.name], found[f"{quality.name} {EQUAL_TIME}"]
    pair = f"{_capital(epochs.condition)} against {epochs.baseline}"
    if not epochs.effect.n:
        return f"{pair}: no seed has ended well in both."
    treatment = confirmation.info["treatment"]
    at_epochs, at_time = (_judgement(c, quality, treatment) for c in (epochs, time))
    return (
        f"{pair}: at equal {confirmation.problem.resource}s {at_epochs} "
        f"({quality.label} {_figures(epochs)}), at equal total time "
        f"{'too' if at_time == at_epochs else at_time} ({_figures(time)})."
    )


def _times_text(confirmation: StudyRecord, found: Sequence[Comparison]) -> list[str]:
    """Return a sentence per metric in seconds, for the first pair."""
    sentences = []
    for name in confirmation.info["compared"][1:]:
        first = next(c for c in found if c.metric == name)
        metric = confirmation.problem.metric(name)
        if metric.unit == "s" and first.effect.n:
            text = f"{_time_text(first)} ({_figures(first)})"
            sentences.append(f"{_capital(metric.label)} in s, {first.condition}: {text}.")
    return sentences


def _outliers_text(condition: Condition, quality: Metric) -> str:
    """Say when some seeds of a condition end far worse than the median: a mean would hide it."""
    trials = condition.trials.values()
    values = [t.metrics[quality.name] for t in trials if quality.name in t.metrics]
    if not values:
        return ""
    middle = statistics.median(values)
    sign = 1 if quality.goal == "min" else -1
    far = [v for v in values if v > 0 and sign * math.log(v / middle) > math.log(OUTLIER)]
    if not far:
        return ""
    worst = max(far) if sign > 0 else min(far)
    return (
        f"{_capital(condition.name)} is unstable: {len(far)} of {len(values)} seeds ended with "
        f"{quality.label} up to {worst:.3g}, where the median is {middle:.3g}."
    )


def _figures(c: Comparison) -> str:
    """Return ``6.9 against 6.1, ratio 1.13 [1.05, 1.22]``, and what was too small to be seen."""
    effect = c.effect
    figures = f"{effect.mean:.3g} against {effect.baseline_mean:.3g}"
    if effect.n < 2:
        return figures
    figures += f", ratio {effect.ratio:.2f} [{effect.low:.2f}, {effect.high:.2f}]"
    if c.result == "open":
        figures += f"; {effect.detectable:.0%} would have been seen"
    return figures


def _judgement(c: Comparison, quality: Metric, treatment: str) -> str:
    better = "lower" if quality.goal == "min" else "higher"
    if c.result == "open":
        return f"there is no evidence for or against {treatment}"
    if c.result == "equal":
        return f"{treatment} makes no difference beyond {c.margin:.0%}"
    return f"{treatment} {'helps' if c.result == better else 'hurts'}"


def _time_text(c: Comparison) -> str:
    return {
        "open": "no evidence of a difference",
        "equal": f"equal within {c.margin:.0%}",
        "lower": "less",
        "higher": "more",
    }[c.result]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
