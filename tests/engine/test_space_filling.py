"""Settings that are proposed while nothing is known yet."""

import math
import random

import pytest
from support.toy_problem import TOY

from study.engine.samplers import STARTUP, StudySearch, make_sampler
from study.engine.space_filling import SpaceFilling
from study.spec.problem import Parameter

SPACE = (
    Parameter("rate", "rate", 1e-4, 1e-1, log=True),
    Parameter("size", "size", 16, 64, step=16),
    Parameter("kind", "kind", choices=("a", "b")),
)


def least_distance(points):
    """How near the two nearest of some points (x on a log scale, y) are."""
    places = [(math.log10(p["x"]) / 2 + 0.5, p["y"] / 2 + 0.5) for p in points]
    return min(math.dist(a, b) for i, a in enumerate(places) for b in places[:i])


@pytest.mark.parametrize("seed", range(5))
def test_trials_that_begin_before_any_result_keep_their_distance(seed):
    search = StudySearch(TOY, "gp", seed, [])
    filled = [search.suggest(str(number)) for number in range(STARTUP["gp"])]
    rng = random.Random(seed)
    chance = [
        least_distance(
            [{"x": 10 ** rng.uniform(-1, 1), "y": rng.uniform(-1, 1)} for _ in range(STARTUP["gp"])]
        )
        for _ in range(200)
    ]
    assert least_distance(filled) > sorted(chance)[180]  # farther apart than nine in ten


def test_numbers_and_choices_that_are_new_come_first():
    filling = SpaceFilling(SPACE, make_sampler("random", 0))
    tried = [{"rate": 1e-4, "size": 16, "kind": "a"}]
    first = filling.propose(tried)
    assert first["kind"] == "b"
    assert first["rate"] > 1e-2
    assert first["size"] >= 48
    second = filling.propose([*tried, first])
    assert second not in (tried[0], first)


def test_the_first_of_all_is_any():
    point = SpaceFilling(SPACE, make_sampler("random", 0)).propose([])
    assert list(point) == [p.name for p in SPACE]
