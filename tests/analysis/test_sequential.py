"""The looks of a confirmation, and what they may spend."""

import itertools

import pytest

from study.analysis.sequential import Looks


def test_a_plan_ends_with_the_most_seeds_that_were_asked_for():
    assert Looks.up_to(16).planned == (4, 6, 9, 12, 16)
    assert Looks.up_to(5).planned == (4, 5)
    assert Looks.up_to(2).planned == (2,)


@pytest.mark.parametrize("most", [1, 5, 16, 30])
def test_however_many_looks_there_are_they_share_one_error(most):
    looks = Looks.up_to(most)
    shares = [share for _, share in looks.up_to_now(10_000)]
    assert 0.99 < sum(shares) <= 1 + 1e-12
    planned = shares[: len(looks.planned)]
    assert planned == pytest.approx([0.9 / len(planned)] * len(planned))


def test_looks_beyond_the_plan_are_fixed_too():
    """So that nobody can choose them by what the results say."""
    assert [seeds for seeds, _ in Looks.up_to(5).up_to_now(40)] == [4, 5, 6, 9, 12, 16, 24, 36]
    assert [seeds for seeds, _ in Looks.up_to(16).up_to_now(54)][5:] == [24, 36, 54]
    seeds = [n for n, _ in Looks.up_to(7).up_to_now(1000)]
    assert all(a < b for a, b in itertools.pairwise(seeds))


def test_the_next_look():
    looks = Looks.up_to(12)
    assert [looks.after(seeds) for seeds in (0, 4, 5, 11, 12, 23)] == [4, 6, 6, 12, 16, 24]
    assert 9 in looks
    assert 10 not in looks
