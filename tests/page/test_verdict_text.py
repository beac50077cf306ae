"""The verdict in words, against planted effects."""

import dataclasses
import math

import pytest
from support.planted_confirmations import confirmation

from study.page.verdict_text import headline, verdict_text
from study.spec.problem import Metric


def test_a_slower_cure_can_help_at_equal_epochs_and_hurt_at_equal_time():
    text = verdict_text(confirmation(0.8, 20.0))
    assert text.startswith("The cure helps, by more than 10%. The treated against bare, 4 seeds")
    assert "at equal rounds the cure helps, by more than 10% (error 0.8" in text
    assert "at equal total time the cure hurts, by more than 10% (2.5" in text
    assert "Work, the treated: more (20" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (1.2, "The cure hurts, by more than 10%."),
        (1.05, "The cure hurts, by less than 10%."),
        (1.0, "The cure makes no difference beyond 10%."),
    ],
)
def test_the_words_say_what_the_figures_say(error, words):
    assert verdict_text(confirmation(error, 10.0)).startswith(words)


def test_another_criterion_of_the_choice_is_named_beside_that_of_the_verdict():
    record = confirmation(0.8, 20.0)
    assert "chosen" not in verdict_text(record)
    record.info["chosen_by"] = "price"
    text = verdict_text(record)
    assert text.startswith(
        "The cure helps, by more than 10%. Settings were chosen by price (price)"
    )
    assert "and are judged by error (error). The treated against bare" in text


def test_a_setting_is_not_taken_for_the_treatment():
    """The two differ in more than the cure: what differs may be the work of the rest."""
    record = confirmation(1.2, 10.0)
    for name, dose in (("the treated", 3), ("bare", 1)):
        record.info["conditions"][name]["parameters"]["dose"] = dose
    doses = {"yes": 3, "no": 1}
    trials = [
        dataclasses.replace(t, parameters={**t.parameters, "dose": doses[t.parameters["treated"]]})
        for t in record.trials
    ]
    text = verdict_text(dataclasses.replace(record, trials=tuple(trials)))
    assert text.startswith("The treated with the cure is worse, by more than 10%.")
    assert "the cure helps" not in text
    assert "the cure hurts" not in text


def test_no_evidence_says_what_would_have_been_seen():
    """Seeds that differ by much more than their mean does."""
    text = verdict_text(confirmation(1.0, 10.0, noise=0.5))
    assert "there is no evidence for or against the cure (error" in text
    assert "; a factor of 3.3 would have been seen)" in text
    text = verdict_text(confirmation(1.0, 10.0, noise=9.0))
    assert ", above 1000]; only more than tenfold would have been seen" in text


def test_what_no_seed_has_on_both_sides_is_no_number():
    record = confirmation(1.0, 10.0)
    lost = [
        dataclasses.replace(t, metrics={**t.metrics, "work_s": math.nan}) for t in record.trials
    ]
    text = verdict_text(dataclasses.replace(record, trials=tuple(lost)))
    assert "Work, the treated: no evidence of a difference (no seed has a value on both" in text


def test_failed_seeds_are_named():
    assert "failed" not in verdict_text(confirmation(0.8, 10.0))
    text = verdict_text(confirmation(0.8, 10.0, seeds=6, failed=[0, 3]))
    assert "The treated: 2 of 6 seeds failed (0, 3)." in text
    assert text.startswith("There is no evidence for or against the cure.")
    many = verdict_text(confirmation(0.8, 10.0, seeds=16, failed=range(13)))
    assert "The treated surely fails more often than bare." in many


def test_a_seed_that_ended_far_worse_is_named():
    record = confirmation(0.8, 10.0)
    assert "unstable" not in verdict_text(record)
    broken = [
        dataclasses.replace(t, metrics={**t.metrics, "error": 40.0})
        if t.parameters == {"treated": "yes", "seed": 3}
        else t
        for t in record.trials
    ]
    text = verdict_text(dataclasses.replace(record, trials=tuple(broken)))
    assert "The treated is unstable: 1 of 9 seeds ended with error up to 40" in text


def test_who_has_nothing_yet_at_equal_time_is_told():
    text = verdict_text(confirmation(0.5, 60.0))
    assert "at equal total time the cure hurts (the treated had none yet in 4 of 4 seeds)" in text


def test_a_confirmation_in_which_nothing_ended_well_says_so():
    record = dataclasses.replace(confirmation(1.0, 10.0), trials=())
    assert "too few seeds have ended in both" in verdict_text(record)


def test_the_headline_leads_with_the_answer_at_equal_epochs_and_time():
    answer, figures = headline(confirmation(0.8, 20.0))
    assert answer == (
        "At equal rounds the cure helps, by more than 10%; at equal total time the cure hurts, by "
        "more than 10%."
    )
    assert figures.startswith("Error of the treated against bare, 4 fresh seeds: at equal rounds ")
    assert ": at equal rounds 0.801 against 0.999, 20% below (interval: 22% below to " in figures
    assert "; at equal total time 2.54 against 0.999, 2.5 times (interval: " in figures


def test_an_answer_that_is_the_same_at_equal_time_is_given_once():
    assert headline(confirmation(0.8, 10.0))[0] == (
        "The cure helps, by more than 10%, at equal rounds and at equal total time."
    )


def test_of_the_second_pair_there_is_one_sentence():
    record = confirmation(1.2, 10.0)
    record.info["pairs"].append(["bare", "the treated"])
    told = headline(record)
    assert len(told) == 3
    assert told[2].startswith(
        "Beside the treated: at equal rounds the cure helps, by more than 10%;"
    )
    assert told[2].endswith(" (At equal rounds error 0.999 against 1.2.)")


def test_a_condition_that_scores_like_noise_is_named():
    record = confirmation(0.8, 10.0)
    worse = [
        dataclasses.replace(
            t, metrics={**t.metrics, "bound": 1.1}
        )  # 0.8 is more than a quarter off
        for t in record.trials
    ]
    said = headline(dataclasses.replace(record, trials=tuple(worse)))
    assert said[2:] == [
        "Bare scores like the lower bound: 1, where that is 1.1 on the same images."
    ]


def test_a_limit_between_the_references_is_none_to_be_like():
    record = confirmation(0.8, 10.0)
    metrics = tuple(
        dataclasses.replace(m, references=("bound", "limit", "top")) if m.name == "error" else m
        for m in (*record.problem.metrics, Metric("limit", "limit"), Metric("top", "top"))
    )
    trials = tuple(
        dataclasses.replace(t, metrics={**t.metrics, "bound": 0.1, "limit": 1.1, "top": 9.0})
        for t in record.trials
    )
    problem = dataclasses.replace(record.problem, metrics=metrics)
    assert len(headline(dataclasses.replace(record, problem=problem, trials=trials))) == 2


def test_measures_of_quality_that_agree_are_told_once():
    record = confirmation(0.8, 10.0, harm=0.7)
    answer, means, harm_means = headline(record)
    assert answer == "The cure helps, by more than 10%, at equal rounds and at equal total time."
    assert means.startswith("Error of the treated against bare, 4 fresh seeds: at equal rounds 0.8")
    assert harm_means.startswith("Harm of the treated against bare, 4 fresh seeds")
    text = verdict_text(record)
    assert text.startswith(
        "The cure helps, by more than 10%. The treated against bare, 4 seeds: at"
    )
    assert "; by harm, 4 seeds: at equal rounds the cure helps, by more than 10% (harm 0." in text


def test_where_only_the_size_differs_the_direction_is_told():
    answer = headline(confirmation(0.8, 10.0, harm=0.95))[0]
    assert answer == "The cure helps, at equal rounds and at equal total time."


def test_measures_of_quality_that_disagree_each_have_their_answer():
    help_ = "the cure helps, by more than 10%, at equal rounds and at equal total time"
    same = "the cure makes no difference beyond 10%, at equal rounds and at equal total time"
    answer = headline(confirmation(0.8, 10.0, harm=1.0))[0]
    assert answer == f"By error, {help_}. By harm, {same}."


def test_a_contradiction_of_measures_is_no_answer():
    """What one measure calls better and the other worse is neither."""
    answer = headline(confirmation(0.8, 10.0, harm=1.3))[0]
    assert answer.startswith("The measures of quality contradict each other. By error, the cure he")
    assert "By harm, the cure hurts, by more than 10%, at equal rounds and at" in answer
