"""Studies killed at random lose, double and block nothing; ``support.random_kills`` kills more."""

import pytest
from support.random_kills import killed


@pytest.mark.slow
def test_ten_random_kills_cost_no_trial(tmp_path):
    assert killed(tmp_path / "killed", kills=10, seed=1, num_trials=30).total() >= 10
