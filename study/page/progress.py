"""How long a study will still take: one estimate, for the terminal and for the page."""

import statistics
from collections.abc import Sequence


def seconds_left(
    taken_s: Sequence[float | None],
    num_samples: int,
    slots: int,
    expected_s: Sequence[float],
    waiting_s: Sequence[float] = (),
) -> float | None:
    """Return the seconds until all trials have ended, at the pace of those that have.

    The pace is the ratio of seconds taken to seconds expected over the trials that have ended, and
    1 before the first end. A trial that has begun and not ended counts as half done. Where trials
    wait at a rung, how long one takes says little of the next: what all were expected to take is
    left, less what they have taken.

    Args:
        taken_s: how long each trial took, in the order in which they began; None if it goes on.
        num_samples: trials in all.
        slots: trials at once.
        expected_s: the seconds that each trial was expected to take, or one number if all are
            alike; empty if nothing was expected.
        waiting_s: what each trial has taken that waits at a rung; ``taken_s`` has None for it.

    Returns:
        None when all have ended, and when there is nothing to judge by: no trial has ended and none
        was expected to take any time, or more time is spent than was expected of all.
    """
    each_s = list(expected_s) if len(expected_s) > 1 else [*expected_s, 1.0][:1] * num_samples
    begun = list(zip(taken_s, each_s, strict=False))
    ended = [(taken, expected) for taken, expected in begun if taken is not None]
    if len(ended) >= num_samples or not (ended or expected_s or waiting_s):
        return None
    if waiting_s:
        spent = [*waiting_s, *(taken for taken, _ in ended)]
        whole = sum(each_s) if expected_s else statistics.fmean(spent) * num_samples
        left_s = whole - sum(spent)
        return left_s / slots if left_s > 0 else None
    planned = sum(expected for _, expected in ended)
    pace = sum(taken for taken, _ in ended) / planned if ended else 1.0
    half_done = sum(expected for taken, expected in begun if taken is None)
    return pace * (sum(each_s) - planned - half_done / 2) / slots
