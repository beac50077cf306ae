"""Studies killed at random lose, double and block nothing; ``support.random_kills`` kills more."""

import random

import pytest
from support.random_kills import KILLS, killed


@pytest.mark.slow
def test_no_way_to_kill_a_study_costs_a_trial(tmp_path):
    """One study, killed in each way once, in random order, at random moments."""
    ways = random.Random(1).sample(list(KILLS), len(KILLS))
    killed(tmp_path / "killed", ways, seed=1, num_trials=16)
