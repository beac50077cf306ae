"""What several tests share: problems, planted studies, hosts and browsers."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
"""The folder of all tests."""

ROOT = TESTS.parent
"""The checkout."""

PYTHONPATH = f"{ROOT}:{TESTS}"
"""What workers and other processes import from: this checkout first, then this package."""
