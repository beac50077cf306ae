"""The claims as rows: what a reader sees of each."""

import dataclasses

import pytest
from support.planted_evidence import evidence

from study.replication.claim_table import claim_rows, tally
from study.replication.claims import judge
from study.replication.condition_names import ALONE, COMBINED


@pytest.fixture(scope="module")
def judged():
    return judge(evidence())


def by_letter(judged, pictured=()):
    return {claim.letter: claim for claim in claim_rows(judged, pictured)}


def test_a_claim_has_its_verdict_and_a_row_per_effect(judged):
    found = by_letter(judged, [COMBINED, ALONE])
    slower = found["b"]
    assert (slower.verdict, slower.tone) == ("does not hold", "bad")
    (row,) = slower.rows
    assert (row.value, row.baseline_value, row.n) == ("30", "20", 5)
    assert row.low < row.ratio < row.high
    assert row.ratio == pytest.approx(1.5, rel=0.05)
    assert row.pictures == (COMBINED, ALONE)
    assert len(found["g, steps"].rows) == 2


def test_what_is_shaded_is_where_the_claim_is_true(judged):
    found = by_letter(judged)
    for claim in found.values():
        for row in claim.rows:
            inside = row.shaded[0] <= row.low and row.high <= row.shaded[1]
            if claim.verdict == "holds":
                assert inside
    (faster,) = found["b"].rows
    assert faster.shaded == (0.0, pytest.approx(1 / 1.02))
    (equal,) = found["h"].rows
    assert equal.shaded == pytest.approx((1 / 1.02, 1.02))
    _, not_worse = found["g, steps"].rows
    assert not_worse.shaded == (0.0, pytest.approx(1.02))


def test_of_many_effects_the_least_sure_is_shown_and_said_to_be(judged):
    claim = by_letter(judged)["h"]
    assert len(claim.rows) == 1
    assert claim.note == "the least sure of 7 comparisons"


def test_the_tally_counts_every_claim(judged):
    verdicts = [each.verdict for each in judged]
    hold = verdicts.count("holds")
    assert tally(judged).startswith(f"Of {len(judged)} claims {hold} hold")
    one = [dataclasses.replace(each, verdict="holds") for each in judged[:1]]
    assert tally(one) == "Of 1 claims 1 holds, 0 do not, and 0 cannot be told at this scale."
    nothing = by_letter(judge(dataclasses.replace(evidence(1), timing=[])))
    assert {(claim.tone, claim.rows) for claim in nothing.values()} == {("open", ())}
