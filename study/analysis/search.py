"""What a study's record says of its search: pure functions that figures and page draw from."""

import itertools
import math
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from scipy import stats

from study.analysis.conditions import conditions_of
from study.results.records import Evaluation, StudyRecord, TrialRecord
from study.spec import halving
from study.spec.optuna_space import distribution
from study.spec.pareto import ranking
from study.spec.problem import Metric
from study.spec.status import TrialStatus

MIN_IMPORTANCE = 8
"""Trials below which an importance says nothing."""

MAX_IMPORTANCE = 200
"""Trials that an importance is computed from, evenly spread: the work grows with their square."""


def knee(study: StudyRecord, cost: Metric) -> TrialRecord | None:
    """Return the trial of the front farthest from the line between its ends, on log scales.

    None where the front, in the first objective and ``cost``, has no middle. Source: Das (1999),
    "On characterizing the knee of the Pareto curve".
    """
    quality = study.problem.objectives[0]
    points = [
        (math.log(t.metrics[cost.name]), math.log(t.metrics[quality]), t)
        for t in study.front
        if t.metrics.get(cost.name, 0) > 0 and t.metrics[quality] > 0
    ]
    if len(points) < 3:
        return None
    points.sort(key=lambda point: point[:2])
    (x0, y0, _), (x1, y1, _) = points[0], points[-1]
    width, height = x1 - x0, y1 - y0
    if not width or not height:
        return None
    return max(points, key=lambda p: abs((p[0] - x0) / width - (p[1] - y0) / height))[2]


def standard_error(study: StudyRecord) -> float | None:
    """Return the relative standard error of one trial's quality; None without a confirmation.

    It is how the quality scatters over the seeds of the confirmation's conditions.
    """
    if study.confirmation is None:
        return None
    quality = study.problem.objectives[0]
    deviations = []
    for condition in conditions_of(study.confirmation).values():
        values = [t.metrics[quality] for t in condition.trials.values()]
        logs = [math.log(value) for value in values if value > 0]
        if len(logs) > 2:  # all but the middle one, whose deviation is none by construction
            deviations += sorted(abs(value - statistics.median(logs)) for value in logs)[1:]
    # the median absolute deviation: a seed that failed does not make all others look alike
    return math.expm1(1.4826 * statistics.median(deviations)) if deviations else None


def as_good_as_the_best(study: StudyRecord) -> list[TrialRecord]:
    """Return the completed trials within one standard error of the best, which is among them."""
    error, best = standard_error(study), study.best
    if error is None or best is None:
        return []
    name, direction = study.problem.objectives[0], study.problem.directions[0]
    limit = best.metrics[name] * (1 + error if direction == "min" else 1 - error)
    sign = 1 if direction == "min" else -1
    return [
        t for t in study.with_status(TrialStatus.COMPLETED) if sign * (t.metrics[name] - limit) <= 0
    ]


def hypervolume(study: StudyRecord) -> list[tuple[TrialRecord, float]]:
    """Return the share of the space that the front dominates, after each completed trial.

    Each objective that the search steers is scaled to 0 … 1 between the best and the worst of all
    completed trials; one or two of them.
    """
    names = study.problem.searched_objectives[:2]
    complete = sorted(study.with_status(TrialStatus.COMPLETED), key=lambda t: t.curve[-1].elapsed_s)
    spans = []
    for name in names:
        values = [t.metrics[name] for t in complete]
        best, worst = (min, max) if study.problem.metric(name).goal == "min" else (max, min)
        if complete:
            spans.append((best(values), worst(values)))
    grown, points = [], []
    for trial in complete:
        points.append(
            [
                (trial.metrics[name] - best) / (worst - best) if worst != best else 0.0
                for name, (best, worst) in zip(names, spans, strict=True)
            ]
        )
        grown.append((trial, _dominated_area(points)))
    return grown


def _dominated_area(points: Sequence[Sequence[float]]) -> float:
    """Return the dominated share of the unit interval or square, whose worst corner is at 1."""
    if len(points[0]) == 1:
        return 1 - min(point[0] for point in points)
    area, lowest = 0.0, 1.0
    for x, y in sorted((x, y) for x, y in points):
        if y < lowest:
            area += (1 - x) * (lowest - y)
            lowest = y
    return area


def rank_correlations(study: StudyRecord) -> list[tuple[int, float, int]]:
    """Return how well each evaluation ranks the completed trials by their final quality.

    Returns:
        Per resource: Spearman's coefficient and the number of trials it rests on (3 or more).
    """
    name = study.problem.objectives[0]
    complete = [t for t in study.with_status(TrialStatus.COMPLETED) if name in t.metrics]
    found = []
    for resource in sorted({e.resource for t in complete for e in t.curve}):
        pairs = [
            (e.metrics[name], t.metrics[name])
            for t in complete
            for e in t.curve
            if e.resource == resource and name in e.metrics
        ]
        early, final = zip(*pairs, strict=True) if pairs else ((), ())
        if len(pairs) > 2 and len(set(early)) > 1 and len(set(final)) > 1:
            coefficient = float(stats.spearmanr(early, final).statistic)
            found.append((resource, coefficient, len(pairs)))
    return found


def rungs(study: StudyRecord) -> list[float]:
    """Return the resources at which the scheduler compared trials, below the full one."""
    plan = study.info.get("settings", {}).get("plan", {})
    if plan.get("scheduler", "none") == "none":
        return []
    most = study.problem.max_resource
    return halving.rungs(plan["grace_period"], plan["reduction_factor"], most)


def seconds_saved(study: StudyRecord) -> float:
    """Return the slot-seconds that stopped trials would have taken to the end, at their pace."""
    saved = 0.0
    for trial in study.with_status(TrialStatus.STOPPED):
        if trial.resource and trial.seconds is not None:
            pace = trial.seconds / trial.resource
            saved += pace * (study.problem.max_resource - trial.resource)
    return saved


@dataclass(frozen=True)
class Placement:
    """A trial's time in one place: all of it, unless it waited at a rung, or went on elsewhere.

    Attributes:
        trial: which trial.
        node, gpus: the place.
        began_s: when it came there, in seconds since the study began.
        ended_s: when it left: the last evaluation there if the place was lost, the present if it
            is still there.
    """

    trial: TrialRecord
    node: str
    gpus: str
    began_s: float
    ended_s: float


def _back_at(before: Evaluation, after: Evaluation) -> float:
    """Return when a trial went on after an evaluation: at once, or after a wait of over a second.

    What it held shorter than the time between two evaluations, it waited.
    """
    if before.held_s is None or after.held_s is None:
        return before.elapsed_s
    back = after.elapsed_s - (after.held_s - before.held_s)
    return back if back > before.elapsed_s + 1 else before.elapsed_s


def placements(study: StudyRecord) -> list[Placement]:
    """Return where trials were and when, in the order in which they came there."""
    times = [t.ended_s or t.started_s for t in study.trials]
    now = max([*times, *(e.elapsed_s for t in study.trials for e in t.curve)], default=0.0)
    found = []
    for trial in study.trials:
        at = trial.started_s
        end = now if trial.ended_s is None else trial.ended_s
        for before, after in itertools.pairwise(trial.curve):
            back = _back_at(before, after)
            if back > before.elapsed_s or (before.node, before.gpus) != (after.node, after.gpus):
                found.append(Placement(trial, before.node, before.gpus, at, before.elapsed_s))
                at = back
        last = trial.curve[-1] if trial.curve else trial
        found.append(Placement(trial, last.node, last.gpus, at, end))
    return sorted(found, key=lambda placement: placement.began_s)


def lanes(placements: Sequence[Placement]) -> list[tuple[str, int]]:
    """Return a lane of its node for each placement, so that no two overlap: the node's slots."""
    free: dict[str, list[float]] = {}
    chosen = []
    for placement in placements:
        ends = free.setdefault(placement.node, [])
        lane = next((i for i, end in enumerate(ends) if end <= placement.began_s), len(ends))
        ends[lane : lane + 1] = [placement.ended_s]
        chosen.append((placement.node, lane))
    return chosen


@dataclass(frozen=True)
class Importance:
    """How much of a target's variance each parameter explains, in a search's trials.

    Attributes:
        target: what varies.
        shares: the share of each parameter; they add up to 1.
        trials: how many trials it rests on.
    """

    target: str
    shares: dict[str, float]
    trials: int


def importances(study: StudyRecord) -> list[Importance]:
    """Return the importance of each parameter, by fANOVA (Hutter et al. 2014).

    The targets are the searched objectives and, of several, a trial's rank among the fronts. They
    are taken from completed trials; where those are few, from the first evaluation of all trials.
    A fixed design, in which nothing was searched, has none: the share of a choice among many
    settings says nothing, and takes minutes.
    """
    if not study.searched:
        return []
    problem = study.problem
    complete = study.with_status(TrialStatus.COMPLETED)
    targets: list[tuple[str, list[tuple[TrialRecord, float]]]] = []
    for name in problem.searched_objectives:
        values = [(t, float(t.metrics[name])) for t in complete if name in t.metrics]
        label = problem.metric(name).label
        if len(values) < 2 * MIN_IMPORTANCE:
            first = [t for t in study.trials if t.curve and name in t.curve[0].metrics]
            if len(first) > len(values):
                values = [(t, float(t.curve[0].metrics[name])) for t in first]
                label += " at the first evaluation"
        targets.append((label, values))
    if len(problem.searched_objectives) > 1 and complete:
        directions = [str(problem.metric(name).goal) for name in problem.searched_objectives]
        order = ranking(
            [[t.metrics[n] for n in problem.searched_objectives] for t in complete], directions
        )
        ranks = [(complete[i], float(place)) for place, i in enumerate(order)]
        targets.append(("rank among the fronts", ranks))
    found = []
    for label, values in targets:
        settings = {tuple(t.parameters.values()) for t, _ in values}
        varied = len(settings) > 1 and len({value for _, value in values}) > 1
        values = values[:: math.ceil(len(values) / MAX_IMPORTANCE) or 1]
        if len(values) >= MIN_IMPORTANCE and varied:
            found.append(Importance(label, _fanova(study, values), len(values)))
    return found


def _fanova(study: StudyRecord, values: list[tuple[TrialRecord, float]]) -> dict[str, float]:
    space = {p.name: distribution(p) for p in study.problem.parameters}
    optuna_study = optuna.create_study()
    for trial, value in values:
        optuna_study.add_trial(
            optuna.trial.create_trial(params=trial.parameters, distributions=space, value=value)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = get_param_importances(
            optuna_study, evaluator=FanovaImportanceEvaluator(n_trees=32, seed=0)
        )
    return {name: float(share) for name, share in shares.items()}


def best_so_far(values: Sequence[float], direction: str) -> list[float]:
    """Return the best of the values up to each of them; ``direction`` is ``min`` or ``max``."""
    return list(itertools.accumulate(values, min if direction == "min" else max))
