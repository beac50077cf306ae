"""Samples without a digit: whose they are."""

import dataclasses

import pytest
from support.planted_evidence import evidence, trial

from study.replication.squares import FIRST, TWIN, difference, squares, table


def planted(early, last, twin, n=100):
    """Shares of samples among real images: with DIP at both evaluations, and without it."""
    found = evidence(seeds=2)
    runs = ((FIRST, early, last), (TWIN, twin, twin))
    more = []
    for name, *shares in runs:
        metrics = [{"precision": share, "scored_images": n, "fid": 1.0} for share in shares]
        run = trial(len(found.study.trials) + len(more), name, 0, metrics[-1])
        curve = [
            dataclasses.replace(each, metrics=values)
            for each, values in zip(run.curve, metrics, strict=True)
        ]
        more.append(dataclasses.replace(run, curve=tuple(curve)))
    study = dataclasses.replace(found.study, trials=(*found.study.trials, *more))
    return dataclasses.replace(found, study=study)


@pytest.mark.parametrize(
    ("shares", "answers"),
    [
        ((0.1, 0.15, 0.8), ["yes", "cannot tell"]),
        ((0.1, 0.8, 0.8), ["cannot tell", "yes"]),  # the squares go as it learns
        ((0.1, 0.5, 0.9), ["yes", "yes"]),
        ((0.8, 0.3, 0.1), ["no", "no"]),
    ],
)
def test_the_prior_or_too_little_training(shares, answers):
    found = squares(planted(*shares))
    assert [each.answer for each in found] == answers
    assert found[0].share == pytest.approx(1 - shares[1])
    assert found[1].question.startswith("too little training: with DIP after 9 epochs")
    assert [line["answer"] for line in table(found)] == answers


def test_the_interval_is_newcombes():
    """His Table II, example (b): 9/10 against 3/10."""
    found = difference("", 0.9, 0.3, 10)
    assert (found.low, found.high) == pytest.approx((0.1705, 0.8090), abs=1e-4)


def test_before_both_runs_have_ended_nothing_is_said():
    assert squares(evidence(seeds=2)) == []
