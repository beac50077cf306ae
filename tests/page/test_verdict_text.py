"""The verdict in words, against planted effects."""

import dataclasses

import pytest
from support.planted_confirmations import confirmation

from study.page.verdict_text import verdict_text


def test_a_slower_cure_can_help_at_equal_epochs_and_hurt_at_equal_time():
    text = verdict_text(confirmation(0.8, 20.0))
    assert "at equal rounds the cure helps (error 0.8" in text
    assert "at equal total time the cure hurts (2.5" in text
    assert "Work in s, the treated: more (20" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (1.2, "at equal rounds the cure hurts"),
        (1.0, "at equal rounds the cure makes no difference beyond 2%"),
    ],
)
def test_the_words_say_what_the_figures_say(error, words):
    record = confirmation(error, 10.0)
    assert words in verdict_text(record)


def test_no_evidence_says_what_would_have_been_seen():
    """Three seeds that differ by much more than their mean does."""
    record = confirmation(1.0, 10.0, seeds=3)
    scattered = [
        dataclasses.replace(t, metrics={**t.metrics, "error": t.metrics["error"] * (1 + t.number)})
        for t in record.trials
    ]
    record = dataclasses.replace(record, trials=tuple(scattered))
    text = verdict_text(record)
    assert "there is no evidence for or against the cure (error" in text
    assert "% would have been seen" in text


def test_a_seed_that_failed_is_named():
    record = confirmation(0.8, 10.0)
    assert "unstable" not in verdict_text(record)
    broken = [
        dataclasses.replace(t, metrics={**t.metrics, "error": 40.0})
        if t.parameters == {"treated": "yes", "seed": 3}
        else t
        for t in record.trials
    ]
    text = verdict_text(dataclasses.replace(record, trials=tuple(broken)))
    assert "The treated is unstable: 1 of 5 seeds ended with error up to 40" in text


def test_a_confirmation_in_which_nothing_ended_well_says_so():
    record = dataclasses.replace(confirmation(1.0, 10.0), trials=())
    assert "no seed has ended well in both" in verdict_text(record)
