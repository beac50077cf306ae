"""What several tests share: problems, planted studies, hosts and browsers."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
"""The folder that workers need on their path, to find this package."""

ROOT = TESTS.parent
"""The checkout."""
