"""When failures have one cause, and when they are results."""

import pytest

from study.engine.failures import SAME_FAILURES, Failures

OUT_OF_MEMORY = "OutOfMemoryError: tried to allocate {} MiB at 0x7f00deadbeef{}"


def failures_of(*ends):
    failures = Failures()
    for status, reason, *diverged in ends:
        failures.ended(status, reason, bool(diverged))
    return failures


def test_failures_in_a_row_that_differ_in_numbers_alone_are_one_cause():
    failures = failures_of(*(("failed", OUT_OF_MEMORY.format(n, n)) for n in range(SAME_FAILURES)))
    assert failures.verdict == f"5 trials in a row failed alike: {OUT_OF_MEMORY.format(4, 4)}"


@pytest.mark.parametrize(
    "between",
    [
        ("completed", "ran all 4 rounds"),
        ("stopped", "not among the best at round 1"),
        ("failed", "ValueError: y is too large"),
    ],
    ids=lambda end: end[0],
)
def test_another_end_between_begins_a_new_row(between):
    alike = [("failed", "OSError: gone")] * (SAME_FAILURES - 1)
    assert not failures_of(*alike, between, *alike).verdict
    assert failures_of(*alike, between, *alike, alike[0]).verdict


def test_runs_that_diverge_are_results():
    diverged = ("failed", "NonFiniteLossError: ddpm loss is not finite at step 3", True)
    assert not failures_of(*[diverged] * 30).verdict
    fault = ("failed", "OSError: gone")
    assert failures_of(*[fault, diverged] * SAME_FAILURES).verdict
