"""Verdicts against planted effects."""

import dataclasses
import math

import numpy as np
import pytest
from support.planted_evidence import FID, PRIOR_PSNR, evidence

from study.analysis.inference import differs
from study.problem.published import PUBLISHED_COMBINED
from study.replication import claims, drawing_effects, training_effects
from study.replication.claim_text import claim_text
from study.replication.claims import CANNOT_TELL, CLAIMS, DOES_NOT, HOLDS, Claim, judge
from study.replication.condition_names import (
    ALONE,
    COMBINED,
    NOISY_COMBINED,
    RIVALS,
    setting_name,
)
from study.replication.evidence import Evidence


def verdicts(found: Evidence) -> dict[str, str]:
    return {judged.claim.letter: judged.verdict for judged in judge(found)}


def test_planted_effects_get_their_verdicts():
    assert verdicts(evidence()) == {
        "a": DOES_NOT,  # the same within 2 %
        "b": DOES_NOT,  # slower, DIP counted
        "c": DOES_NOT,
        "c, curve": DOES_NOT,
        "d, range": HOLDS,
        "d, norm": HOLDS,
        "d, lr": HOLDS,
        "d, prior": DOES_NOT,
        "e": HOLDS,
        "f": DOES_NOT,
        "g, steps": HOLDS,
        "g, seconds": HOLDS,
        "g, in all": DOES_NOT,  # six seconds of DIP are more than forty steps from noise
        "g, copies": HOLDS,
        "h": HOLDS,
        "i": HOLDS,
        "i, rivals": HOLDS,
        "j, looks": HOLDS,
        "j, truth": HOLDS,
        "k": HOLDS,
        "l": HOLDS,
        "m": HOLDS,
        "n": HOLDS,
    }


def test_it_is_said_whose_claim_it_is():
    whose = {claim.letter: claim.whose for claim in CLAIMS}
    ours = {letter for letter, who in whose.items() if who == "ours"}
    assert ours >= {"d, range", "d, prior", "g, in all", "g, copies", "i", "j, looks"}
    assert {whose[letter] for letter in ("a", "c", "e", "g, steps", "k", "l", "m")} == {
        "the original's"
    }
    assert whose["n"] == "others'"


def test_dip_is_to_beat_every_classical_denoiser():
    found = dict(FID) | {RIVALS["gaussian"]: 8.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.planted_evidence.FID", found)
        judged = verdicts(evidence())
    assert (judged["i"], judged["i, rivals"]) == (HOLDS, DOES_NOT)


def test_quality_has_to_hold_by_both_networks():
    """By the features of the second one the prior does not help where images are noisy."""
    judged = {j.claim.letter: j for j in judge(evidence(second={NOISY_COMBINED: 60.0}))}
    assert judged["i"].verdict == judged["i, rivals"].verdict == DOES_NOT
    assert [found.what.partition(":")[0] for found in judged["i"].findings] == [
        *("FID", "FID (second network)")
    ]
    others = {letter: j.verdict for letter, j in judged.items() if not letter.startswith("i")}
    assert others.items() <= verdicts(evidence()).items()  # there the two networks agree


def test_copying_does_not_pass_for_quality():
    found = verdicts(evidence(source=0.4))
    assert (found["g, steps"], found["g, copies"]) == (HOLDS, DOES_NOT)


def test_a_mixed_start_that_stays_at_its_source_draws_nothing_new():
    assert verdicts(evidence(mixed_source=0.4))["n"] == DOES_NOT


def test_a_fid_that_is_never_reached_takes_all_the_steps():
    """Of a start that is no better than few steps from noise, the most steps are counted."""

    def sooner(steps_fid):
        found = evidence(steps_fid=steps_fid, noise=1e-9)
        return drawing_effects.sooner(found, "fid", tests=1)

    (found,) = sooner((20.0, 20.0, 6.0))
    assert found.effect.ratio == pytest.approx(1 / 5)  # 10 steps are all that it was given
    (found,) = sooner((6.0, 6.0, 6.0))
    assert found.effect.ratio == pytest.approx(1)


def test_a_seed_without_the_quality_to_be_reached_is_left_out():
    found = evidence(noise=1e-9)
    for line in found.extra_scores[COMBINED, 2]:
        if (line["images"], line.get("steps")) == ("from noise", 50):
            line["fid"] = math.nan
    (effect,) = drawing_effects.sooner(found, "fid", tests=1)
    assert effect.effect.n == 4


def test_seeds_stay_paired_where_one_lacks_a_line():
    found = evidence(noise=0.3)
    whole = drawing_effects.realism(found, "fid", tests=1)[0].effect
    lines = found.extra_scores[COMBINED, 1]
    found.extra_scores[COMBINED, 1] = [line for line in lines if line["images"] != "refined"]
    lines = found.extra_scores[COMBINED, 2]
    found.extra_scores[COMBINED, 2] = [line for line in lines if line["images"] != "restored"]
    (effect,) = drawing_effects.realism(found, "fid", tests=1)
    assert (whole.n, effect.effect.n) == (5, 3)


def test_a_replication_that_began_with_one_network_is_judged_by_one():
    found = evidence(second={})
    trials = found.study.trials
    older = {k: v for k, v in trials[0].metrics.items() if k != "fid_second"}
    trials = (dataclasses.replace(trials[0], metrics=older), *trials[1:])
    mixed = dataclasses.replace(found, study=dataclasses.replace(found.study, trials=trials))
    assert (found.qualities, mixed.qualities) == (["fid", "fid_second"], ["fid"])
    assert verdicts(mixed) == verdicts(evidence())


def test_strokes_dip_seconds_and_prior_quality_can_go_the_other_way():
    assert verdicts(evidence(strokes=0.9))["m"] == DOES_NOT
    assert verdicts(evidence(dip_s=40.0))["l"] == DOES_NOT
    with pytest.MonkeyPatch.context() as patch:
        upside_down = {name: -psnr for name, psnr in PRIOR_PSNR.items()}
        patch.setattr("support.planted_evidence.PRIOR_PSNR", upside_down)
        assert verdicts(evidence())["k"] == DOES_NOT


def test_what_the_result_owes_to_the_prior_is_a_line_per_decibel():
    (found,) = training_effects.depends_on_prior(evidence(noise=1e-9), "fid", tests=1)
    psnr = list(PRIOR_PSNR.values())
    slope = np.polyfit(psnr, np.log([FID[name] for name in PRIOR_PSNR]), 1)[0]
    assert math.log(found.effect.ratio) == pytest.approx(slope, rel=1e-5)


def test_a_curve_counts_every_evaluation():
    found = evidence(noise=1e-9)
    assert dict(found.curve(ALONE, "fid", 1)) == pytest.approx({9: 20.0, 18: 10.0})
    (effect,) = training_effects.learns_faster(found, "fid", tests=1)
    assert effect.effect.mean == pytest.approx(14 * 2**0.5)


@pytest.mark.parametrize("steps_fid", [(20.0, 5.0, 30.0), (5.0, 20.0, 4.0), (5.0, 5.0, 5.0)])
def test_what_is_no_better_than_few_steps_or_worse_than_many_refutes_fewer_steps(steps_fid):
    assert verdicts(evidence(steps_fid=steps_fid))["g, steps"] == DOES_NOT


def test_a_setting_that_costs_more_refutes_equal_times():
    found = evidence()
    slow = setting_name(*PUBLISHED_COMBINED[-1][0])
    timing = [
        {**line, "seconds": line["seconds"] * (1.1 if line["item"] == slow else 1)}
        for line in found.timing
    ]
    assert verdicts(dataclasses.replace(found, timing=timing))["h"] == DOES_NOT


def test_what_is_no_digit_has_no_contrast_to_judge():
    judged = {j.claim.letter: j for j in judge(evidence(precision=0.09))}
    for letter in ("d, range", "d, norm", "d, lr", "d, prior"):
        assert judged[letter].verdict == CANNOT_TELL
        said = claim_text(judged[letter])
        assert "Not both draw digits: 9% and 9% lie among real ones; contrast: " in said
    assert judged["c"].verdict == DOES_NOT


def test_the_order_of_what_is_as_bad_as_noise_says_nothing():
    judged = {j.claim.letter: j for j in judge(evidence(fid_noise=13.0))}
    for letter in ("f", "g, steps", "i", "j, looks"):
        assert judged[letter].verdict == CANNOT_TELL
        assert "No nearer to real images than noise, FID 13; " in claim_text(judged[letter])
    for letter in ("c", "e"):  # one of their conditions is better than noise
        assert judged[letter].verdict != CANNOT_TELL


def test_a_perfect_copy_is_a_copy():
    found = {j.claim.letter: j for j in judge(evidence(source=0.0))}
    assert found["g, copies"].verdict == DOES_NOT


@pytest.mark.parametrize("seeds", [0, 1])
def test_nothing_is_asserted_from_a_single_seed(seeds):
    found = judge(dataclasses.replace(evidence(seeds), timing=[]))
    assert {judged.verdict for judged in found} == {CANNOT_TELL}
    assert all("two seeds" in claim_text(j) for j in found)


def test_noise_cannot_tell_and_says_what_would_have_been_seen():
    found = {judged.claim.letter: judged for judged in judge(evidence(noise=1.0))}
    assert found["c"].verdict == CANNOT_TELL
    assert "would have been seen" in claim_text(found["c"])


def test_of_many_figures_the_least_sure_is_told():
    found = evidence()
    odd = setting_name(*PUBLISHED_COMBINED[2][0])
    timing = [
        {**line, "seconds": line["seconds"] * (1.015 if line["item"] == odd else 1)}
        for line in found.timing
    ]
    judged = {j.claim.letter: j for j in judge(dataclasses.replace(found, timing=timing))}["h"]
    assert f"Of 7 comparisons the least sure: {odd} against the mean of the others" in claim_text(
        judged
    )


def test_a_slope_is_the_regression_line_of_log_fid():
    (found,) = training_effects.std_series(evidence(noise=1e-9), "fid", tests=1)
    x, y = [0.8, 1.0, 1.2], np.log([12.0, 14.0, 17.0])
    assert math.log(found.effect.ratio) == pytest.approx(np.polyfit(x, y, 1)[0] * 0.4, rel=1e-5)


def test_more_psnr_is_less_error():
    error, _ = drawing_effects.fidelity(evidence(noise=1e-9), tests=1)
    assert error.effect.ratio == pytest.approx(10 ** (-1 / 20), rel=1e-4)  # 1 dB


def test_the_table_has_a_line_per_finding_with_its_verdict():
    judged = judge(evidence())
    lines = claims.table(judged)
    assert len(lines) == sum(len(j.findings) for j in judged)
    assert {line["claim"] for line in lines} == {claim.letter for claim in claims.CLAIMS}
    assert all(0 <= line["p_holm"] <= 1 for line in lines)


def test_a_claim_can_be_added_from_outside():
    """It is judged with the others, which are corrected for one test more."""

    def measure(found, tests):
        seeds = found.seeds(COMBINED, ALONE)
        a, b = (found.values(name, "time_total_s", seeds) for name in (COMBINED, ALONE))
        logs = [math.log(x / y) for x, y in zip(a, b, strict=True)]
        return [differs("seconds in all", logs, "higher", tests)]

    more = (*CLAIMS, Claim("z", "the prior makes the whole run slower", measure))
    before, judged = judge(evidence()), judge(evidence(), more)
    assert [j.claim.letter for j in judged] == [*(c.letter for c in CLAIMS), "z"]
    assert judged[-1].verdict == HOLDS
    assert claims.table(judged)[-1]["what"] == "seconds in all"
    detectable = [each[0].findings[0].effect.detectable for each in (before, judged)]
    assert detectable[1] > detectable[0]
    assert before[0].p < judged[0].p
