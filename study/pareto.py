"""Dominance between trials over several objectives."""

from collections.abc import Sequence


def pareto_front(values: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """Indices of the points that no other dominates, best in the first objective first.

    Args:
        values: one row per point, one column per objective.
        directions: ``min`` or ``max`` per objective.
    """
    signs = [1.0 if direction == "min" else -1.0 for direction in directions]
    rows = [[sign * value for sign, value in zip(signs, row, strict=True)] for row in values]
    front = [i for i, row in enumerate(rows) if not any(_dominates(other, row) for other in rows)]
    return sorted(front, key=lambda i: rows[i])


def _dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether ``a`` is nowhere worse and somewhere better, smaller being better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)
