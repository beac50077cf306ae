"""Dominance between trials over several objectives, and what counts as a difference."""

import math
import statistics
from collections.abc import Sequence

import numpy as np


def pareto_front(
    values: Sequence[Sequence[float]],
    directions: Sequence[str],
    tolerances: Sequence[float] | None = None,
) -> list[int]:
    """Return the indices of the points that no other dominates, best in the first objective first.

    A point with a value that is not finite is on no front: of what is unknown nothing is the best.

    Args:
        values: one row per point, one column per objective.
        directions: ``min`` or ``max`` per objective.
        tolerances: per objective, the relative difference up to which two values are equal; values
            of an objective that has one must be positive.
    """
    tolerances = tolerances or [0.0] * len(directions)
    known = [i for i, row in enumerate(values) if all(map(math.isfinite, row))]
    front = [
        i
        for i in known
        if not any(_dominates(values[j], values[i], directions, tolerances) for j in known)
    ]
    sign = 1 if directions[0] == "min" else -1
    return sorted(front, key=lambda i: sign * values[i][0])


def _dominates(
    a: Sequence[float],
    b: Sequence[float],
    directions: Sequence[str],
    tolerances: Sequence[float],
) -> bool:
    """Return whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    better = False
    for x, y, direction, tolerance in zip(a, b, directions, tolerances, strict=True):
        low, high = (x, y) if direction == "min" else (y, x)
        if low > high and low > high * (1 + tolerance):
            return False
        better |= low < high and low * (1 + tolerance) < high
    return better


def noise_floor(repeats: Sequence[float]) -> float:
    """Return the relative difference that two repeats of the same work exceed 1 time in 20.

    It is exp(1.96 √2 σ) − 1, with σ the standard deviation of the logarithms, estimated by their
    median absolute deviation so that a few disturbed repeats do not widen it. For fewer than 3
    repeats it is infinite: nothing is known of the noise, so no difference means anything.

    Args:
        repeats: measurements of the same work; what is not finite and above 0 is left out.
    """
    logs = [math.log(value) for value in repeats if 0 < value < math.inf]
    if len(logs) < 3:
        return math.inf
    middle = statistics.median(logs)
    sigma = 1.4826 * statistics.median(abs(value - middle) for value in logs)
    spread = 1.96 * math.sqrt(2) * sigma
    return math.expm1(spread) if spread < 700 else math.inf  # beyond, a float overflows


def ranking(values: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """Return indices from the best point to the worst: by front, within a front by crowding.

    Non-dominated sorting and crowding distance (Deb et al. 2002, Sections III-A and III-B), as
    multi-objective successive halving ranks a rung (Schmucker et al. 2021, Section 3). Among the
    equally crowded the first objective decides; with a single objective it is the only order.
    Points with a value that is not finite come last, in their own order.
    """
    known = [i for i, row in enumerate(values) if all(map(math.isfinite, row))]
    unknown = [i for i, row in enumerate(values) if not all(map(math.isfinite, row))]
    order = _ranking([values[i] for i in known], directions)
    return [known[i] for i in order] + unknown


def _ranking(values: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """Rank points whose values are finite."""
    signs = [1 if direction == "min" else -1 for direction in directions]
    points = np.asarray(values, dtype=float).reshape(len(values), len(directions)) * signs
    if len(directions) == 1:
        return [int(i) for i in np.argsort(points[:, 0], kind="stable")]
    nowhere_worse = np.all(points[:, None] <= points[None], axis=2)
    dominates = np.logical_and(nowhere_worse, np.any(points[:, None] < points[None], axis=2))
    dominated_by = dominates.sum(axis=0)  # how many of those that are left
    order: list[int] = []
    left = np.ones(len(points), dtype=bool)
    while left.any():
        front = np.flatnonzero(left & (dominated_by == 0))
        front = front[np.argsort(points[front, 0], kind="stable")]
        crowding = _crowding(points[front].tolist())
        order += [int(front[i]) for i in np.argsort([-gap for gap in crowding], kind="stable")]
        left[front] = False
        dominated_by = dominated_by - dominates[front].sum(axis=0)
    return order


def _crowding(front: Sequence[Sequence[float]]) -> list[float]:
    """Return each point's crowding distance (Deb et al. 2002, Section III-B).

    It is the sum over objectives of the normalised gap between a point's neighbours; the ends of
    the front have infinity.
    """
    distances = [0.0] * len(front)
    for column in zip(*front, strict=True):
        order = sorted(range(len(front)), key=lambda i: column[i])
        span = column[order[-1]] - column[order[0]]
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, i, after in zip(order, order[1:], order[2:], strict=False):
            distances[i] += (column[after] - column[before]) / span if span else 0.0
    return distances
