"""The verdict of a confirmation in words."""

import math
import statistics
from collections.abc import Iterator

from study.analysis.comparison import OPEN, Comparison
from study.analysis.conditions import Condition, conditions_of
from study.analysis.verdict import Judgement, PairVerdict, Verdict, verdict_of
from study.page.numbers import apart, change, short
from study.results.records import StudyRecord
from study.spec.problem import Metric, Problem

LIKE_REFERENCE = 1.25
"""Up to this ratio a quality is said to be like that of a reference."""

OUTLIER = 3.0
"""Times the median: a seed so much worse has failed rather than varied."""


def verdict_text(confirmation: StudyRecord) -> str:
    """Return a paragraph: does the treatment help, at equal epochs and at equal total time?"""
    verdict, problem = verdict_of(confirmation), confirmation.problem
    quality = problem.metric(verdict.judged_by[0])
    lead = verdict.pairs[0]
    sentences = [f"{_answer(lead, verdict, problem, in_time=False)}."]
    if verdict.chosen_by != quality.name:
        chosen_by = problem.metric(verdict.chosen_by)
        sentences.append(
            f"Settings were chosen by {chosen_by.label} ({chosen_by.name}) and are judged by "
            f"{quality.label} ({quality.name})."
        )
    for pair in verdict.pairs:
        sentences.append(_pair_text(pair, verdict, problem))
        sentences += _failures_text(pair)
    for condition in conditions_of(confirmation).values():
        sentences += _outliers_text(condition, quality)
    for other in lead.others:
        metric = problem.metric(other.metric)
        text = f"{_difference(other)} ({_figures(other)})"
        sentences.append(f"{_capital(metric.label)}, {other.condition}: {text}.")
    return " ".join(sentences)


def headline(confirmation: StudyRecord) -> list[str]:
    """Return what a reader wants to know first: the answer, then the figures that it rests on.

    The first pair is the best setting against the baseline. The second follows in one sentence, and
    then conditions whose quality is about that of a reference, such as noise.
    """
    verdict = verdict_of(confirmation)
    problem = confirmation.problem
    sentences: list[str] = []
    for pair in verdict.pairs[:2]:
        if not pair.leading.quality.seeds:
            sentences.append(f"{_capital(pair.condition)}: too few seeds have ended.")
        elif not sentences:
            sentences.append(f"{_answer(pair, verdict, problem)}.")
            sentences += _means(pair, problem)
        else:
            told = [
                f"{problem.metric(judgement.metric).label} {_against(judgement.quality)}"
                for judgement in pair.judgements
                if judgement.quality.effect.n
            ]
            figures = f" (At equal {problem.resource}s {'; '.join(told)}.)" if told else ""
            answer = _answer(pair, verdict, problem)
            sentences.append(f"Beside {pair.baseline}: {answer[0].lower()}{answer[1:]}.{figures}")
    for condition in conditions_of(confirmation).values():
        for name in verdict.judged_by:
            sentences += _reference_text(condition, problem, problem.metric(name))
    return sentences


def _answer(pair: PairVerdict, verdict: Verdict, problem: Problem, in_time: bool = True) -> str:
    """Return what a pair shows: once where all measures of quality agree, else by each.

    Args:
        in_time: at equal total time too.
    """
    for with_size in (True, False):
        answers = [
            _of_one(pair, judgement, verdict, problem, in_time, with_size)
            for judgement in pair.judgements
        ]
        if len(set(answers)) == 1:
            return _capital(answers[0])
    told = [
        f"By {problem.metric(judgement.metric).label}, "
        + _of_one(pair, judgement, verdict, problem, in_time, with_size=True)
        for judgement in pair.judgements
    ]
    sides = {j.quality.side(problem.metric(j.metric)) for j in pair.judgements}
    if {"better", "worse"} <= sides:
        told.insert(0, "The measures of quality contradict each other")
    return ". ".join(told)


def _of_one(
    pair: PairVerdict,
    judgement: Judgement,
    verdict: Verdict,
    problem: Problem,
    in_time: bool,
    with_size: bool,
) -> str:
    """Return what one measure of quality shows, at equal resource and at equal total time."""
    metric = problem.metric(judgement.metric)
    answer, later = (_judgement(pair, c, verdict, metric, with_size) for c in judgement.both)
    if not in_time:
        return answer
    if answer == later:
        return f"{answer}, at equal {problem.resource}s and at equal total time"
    return f"at equal {problem.resource}s {answer}; at equal total time {later}"


def _means(pair: PairVerdict, problem: Problem) -> Iterator[str]:
    """Return the means of a pair by each measure, how far they are apart, and how sure that is."""
    for judgement in pair.judgements:
        told = [
            f"at equal {when} {_against(c)}{_distance(c)}"
            for when, c in zip((f"{problem.resource}s", "total time"), judgement.both, strict=True)
            if c.effect.n
        ]
        label = problem.metric(judgement.metric).label
        compared = f"{label} of {pair.condition} against {pair.baseline}"
        seeds = sorted({len(c.seeds) for c in judgement.both})
        fresh = f"{' to '.join(map(str, seeds))} fresh seeds"
        if told:
            yield f"{_capital(compared)}, {fresh}: {'; '.join(told)}."


def _against(c: Comparison) -> str:
    return f"{short(c.effect.mean)} against {short(c.effect.baseline_mean)}"


def _distance(c: Comparison) -> str:
    """Return ``, 5% above (interval: 5% below to 15% above)``; nothing where one seed is all."""
    if c.effect.n < 2:
        return ""
    low, high = apart(c.effect.low), apart(c.effect.high)
    return f", {apart(c.effect.ratio)} (interval: {low} to {high})"


def _reference_text(condition: Condition, problem: Problem, quality: Metric) -> Iterator[str]:
    """Say when a condition's mean quality is within a quarter of the best or worst reference's."""
    trials = list(condition.trials.values())
    values = [t.metrics[quality.name] for t in trials if t.metrics.get(quality.name, 0.0) > 0]
    if not values:
        return
    known = {name: trials[0].metrics.get(name) for name in quality.references}
    found = {n: value for n, value in known.items() if isinstance(value, float) and value > 0}
    for name, reference in found.items():
        if reference in (min(found.values()), max(found.values())):
            mean = statistics.geometric_mean(values)
            if abs(math.log(mean / reference)) < math.log(LIKE_REFERENCE):
                label = problem.metric(name).label
                yield (
                    f"{_capital(condition.name)} scores like the {label}: "
                    f"{short(mean)}, where that is {short(reference)} on the same images."
                )


def _pair_text(pair: PairVerdict, verdict: Verdict, problem: Problem) -> str:
    """Return what a condition does to the quality, at equal resource and at equal total time."""
    compared = f"{_capital(pair.condition)} against {pair.baseline}"
    if not pair.leading.quality.seeds:
        return f"{compared}: too few seeds have ended in both."
    told = [
        (f"by {problem.metric(each.metric).label}, " if each is not pair.leading else "")
        + _judgement_text(pair, each, verdict, problem)
        for each in pair.judgements
    ]
    return f"{compared}, {'; '.join(told)}."


def _judgement_text(
    pair: PairVerdict, judgement: Judgement, verdict: Verdict, problem: Problem
) -> str:
    quality = problem.metric(judgement.metric)
    first, at_time = judgement.both
    answer, answer_in_time = (_judgement(pair, each, verdict, quality) for each in (first, at_time))
    late = [
        f"{name} had none yet in {len(seeds)} of {len(at_time.seeds)} seeds"
        for name, seeds in (
            (pair.condition, set(at_time.failed) - set(first.failed)),
            (pair.baseline, set(at_time.baseline_failed) - set(first.baseline_failed)),
        )
        if seeds
    ]
    in_time = "; ".join([_figures(at_time), *late] if at_time.effect.n else late)
    return (
        f"{len(first.seeds)} seeds: at equal {problem.resource}s {answer} "
        f"({quality.label} {_figures(first)}), at equal total time "
        f"{'too' if answer_in_time == answer else answer_in_time} ({in_time})"
    )


def _failures_text(pair: PairVerdict) -> Iterator[str]:
    """Name the seeds that failed, and say whether one side surely fails more often."""
    found = pair.failures
    for name, seeds in (
        (found.condition, found.failed),
        (found.baseline, found.baseline_failed),
    ):
        if seeds:
            listed = ", ".join(map(str, seeds))
            yield f"{_capital(name)}: {len(seeds)} of {len(found.seeds)} seeds failed ({listed})."
    if found.direction != OPEN:
        more, less = found.condition, found.baseline
        if found.direction == "lower":
            more, less = less, more
        yield f"{_capital(more)} surely fails more often than {less}."


def _outliers_text(condition: Condition, quality: Metric) -> Iterator[str]:
    """Say when some seeds of a condition end far worse than the median: a mean would hide it."""
    trials = condition.trials.values()
    values = [t.metrics[quality.name] for t in trials if t.metrics.get(quality.name, 0) > 0]
    if not values:
        return
    middle = statistics.median(values)
    sign = -1 if quality.goal == "max" else 1
    far = [v for v in values if sign * math.log(v / middle) > math.log(OUTLIER)]
    if far:
        worst = max(far, key=lambda v: sign * v)
        yield (
            f"{_capital(condition.name)} is unstable: {len(far)} of {len(values)} seeds ended with "
            f"{quality.label} up to {short(worst)}, where the median is {short(middle)}."
        )


def _figures(c: Comparison) -> str:
    """Return ``6.9 against 6.1, ratio 1.13 [1.05, 1.22]``, and what was too small to be seen."""
    effect = c.effect
    if not effect.n:
        return "no seed has a value on both sides"
    figures = _against(c)
    if effect.n < 2:
        return figures
    high = f"{effect.high:.2f}" if effect.high < 1000 else "above 1000"
    figures += f", ratio {effect.ratio:.2f} [{effect.low:.2f}, {high}]"
    if not c.is_decided:
        seen = change(effect.detectable, "only more than tenfold")
        figures += f"; {seen} would have been seen"
    return figures


def _judgement(
    pair: PairVerdict, c: Comparison, verdict: Verdict, quality: Metric, with_size: bool = True
) -> str:
    """Return what a quality shows. Of twins it is the treatment's work, else that of a setting."""
    treated = f"{pair.condition} with {verdict.treatment}"
    helps, hurts, same, unknown = (
        (
            f"{verdict.treatment} helps",
            f"{verdict.treatment} hurts",
            f"{verdict.treatment} makes no difference beyond {c.margin:.0%}",
            f"there is no evidence for or against {verdict.treatment}",
        )
        if pair.are_twins
        else (
            f"{treated} is better",
            f"{treated} is worse",
            f"{treated} is as good, within {c.margin:.0%}",
            f"there is no evidence that {treated} is better or worse",
        )
    )
    within, beyond = f"by less than {c.margin:.0%}", f"by more than {c.margin:.0%}"
    if (side := c.side(quality)) == "open":
        return same if c.size == "within" else unknown
    answer = helps if side == "better" else hurts
    if not with_size:
        return answer
    return {"within": f"{answer}, {within}", "beyond": f"{answer}, {beyond}"}.get(c.size, answer)


def _difference(c: Comparison) -> str:
    """Return in words how the values of a metric without a better side differ."""
    if c.size == "within":
        return f"equal within {c.margin:.0%}"
    return {"lower": "less", "higher": "more"}.get(c.direction, "no evidence of a difference")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
