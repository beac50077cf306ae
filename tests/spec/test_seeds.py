"""No setting of a study is run twice with the same seed, whichever part of it runs the setting."""

import itertools

import pytest

from study.spec.seeds import MAX_CONFIRMED, confirmation_seeds, search_seeds


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 500])
def test_a_search_and_its_confirmation_share_no_seed(seed):
    searched = list(itertools.islice(search_seeds(seed), 2000))
    confirmed = confirmation_seeds(seed, MAX_CONFIRMED)
    assert searched[0] == seed
    assert len({*searched, *confirmed}) == 2000 + MAX_CONFIRMED
    assert all(0 <= each < 2**32 for each in (*searched, *confirmed))


def test_studies_with_other_seeds_confirm_with_other_seeds():
    confirmed = [set(confirmation_seeds(seed, MAX_CONFIRMED)) for seed in (0, 1, 2, 2**32 - 1)]
    assert sum(map(len, confirmed)) == len(set.union(*confirmed))


def test_seeds_are_readable():
    assert list(itertools.islice(search_seeds(0), 3)) == [0, 1500, 1501]
    assert confirmation_seeds(0, 2) == [1001, 1002]
    assert confirmation_seeds(1, 2) == [2001, 2002]
