"""Verdicts against planted effects."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from study import claims, provenance
from study.claims import CANNOT_TELL, DOES_NOT, HOLDS, TESTS, judge, sentence
from study.design import as_info, describe, resolve_design
from study.evidence import Evidence
from study.records import StudyRecord, TrialRecord
from study.rows import (
    ALONE,
    ALONE_NORM,
    ALONE_UNIT,
    COMBINED,
    LOADERS,
    NOISY_ALONE,
    NOISY_COMBINED,
    REPORTED_COMBINED,
    SETTINGS,
    dip_lr_name,
    setting_name,
    std_name,
)

SETTINGS_OF_QUICK = resolve_design({}, provenance.capacity())
FID = {  # of all rows that claims compare; 10 % apart but where planted
    ALONE: 10.0,
    std_name(0.8): 12.0,
    COMBINED: 14.0,
    std_name(1.2): 17.0,
    dip_lr_name(5e-4): 17.0,
    dip_lr_name(2e-3): 17.0,
    dip_lr_name(5e-3): 17.0,
    NOISY_ALONE: 50.0,
    NOISY_COMBINED: 30.0,
}
CONTRAST = {ALONE_UNIT: 0.7, ALONE_NORM: 0.5}


def evidence(
    seeds=5,
    steps_fid=(5.0, 20.0, 6.0),
    source=1.5,
    noise=0.005,
    info=None,
    precision=0.6,
    fid_noise=60.0,
) -> Evidence:
    """A study in which all is planted, with a little noise of each value's own."""
    rng = np.random.default_rng(0)

    def shaken(value):
        return value * math.exp(rng.normal(0, noise))

    trials, looks = [], {}
    for seed in range(1, seeds + 1):
        for row in (*FID, *CONTRAST):
            metrics = {
                "fid": shaken(FID.get(row, 40.0)),
                "fid_noise": fid_noise,
                "precision": precision,
                "contrast": shaken(CONTRAST.get(row, 1.0)),
                "time_total_s": shaken(30.0 if "DIP→" in row else 20.0),
            }
            trials.append(_trial(len(trials), row, seed, metrics))
        prior, few, many = steps_fid
        looks[COMBINED, seed] = [
            _look("restored", fid=shaken(50.0), psnr=15 + shaken(1), ssim=1 - 0.5 * shaken(1)),
            _look("refined", fid=shaken(25.0), psnr=16 + shaken(1), ssim=1 - 0.4 * shaken(1)),
            _look("from prior", 10, fid=shaken(prior), nearest_source=shaken(source)),
            _look("from noise", 10, fid=shaken(few)),
            _look("from noise", 50, fid=shaken(many)),
        ]
    timing = [
        {"group": SETTINGS, "item": item, "round": number, "seconds": shaken(0.1)}
        for number in range(20)
        for item in (ALONE, *(setting_name(*values) for values, _ in REPORTED_COMBINED))
    ]
    timing.append({"group": LOADERS, "item": "network", "round": 0, "seconds": 1.0})
    told = info or as_info(SETTINGS_OF_QUICK)
    study = StudyRecord("x", Path(), describe(SETTINGS_OF_QUICK), told, tuple(trials))
    return Evidence(study, timing, looks)


def _look(images, steps=None, **values):
    line = {"images": images, "nearest_train": 1.2, **values}
    return line if steps is None else {**line, "steps": steps}


def _trial(number, row, seed, metrics):
    return TrialRecord(
        number=number,
        trial_id=str(number),
        status="completed",
        stop_reason="",
        resource=18,
        parameters={"row": row, "seed": seed},
        metrics=metrics,
        curve=(),
        pictures={},
        started_s=0.0,
        ended_s=1.0,
        restarts=0,
        restart_reason="",
        node="",
        gpus="",
        device_memory_gb=None,
    )


def verdicts(found: Evidence) -> dict[str, str]:
    return {judged.claim.letter: judged.verdict for judged in judge(found)}


def test_planted_effects_get_their_verdicts():
    assert verdicts(evidence()) == {
        "a": DOES_NOT,  # the same within 2 %
        "b": DOES_NOT,  # slower, DIP counted
        "c": DOES_NOT,
        "d, range": HOLDS,
        "d, norm": HOLDS,
        "d, prior": DOES_NOT,
        "e": HOLDS,
        "f": DOES_NOT,
        "g, steps": HOLDS,
        "g, copies": HOLDS,
        "h": HOLDS,
        "i": HOLDS,
        "j, looks": HOLDS,
        "j, truth": HOLDS,
    }


def test_copying_does_not_pass_for_quality():
    found = verdicts(evidence(source=0.4))
    assert (found["g, steps"], found["g, copies"]) == (HOLDS, DOES_NOT)


@pytest.mark.parametrize("steps_fid", [(20.0, 5.0, 30.0), (5.0, 20.0, 4.0), (5.0, 5.0, 5.0)])
def test_what_is_no_better_than_few_steps_or_worse_than_many_refutes_fewer_steps(steps_fid):
    assert verdicts(evidence(steps_fid=steps_fid))["g, steps"] == DOES_NOT


def test_a_setting_that_costs_more_refutes_equal_times():
    found = evidence()
    slow = setting_name(*REPORTED_COMBINED[-1][0])
    timing = [
        {**line, "seconds": line["seconds"] * (1.1 if line["item"] == slow else 1)}
        for line in found.timing
    ]
    assert verdicts(dataclasses.replace(found, timing=timing))["h"] == DOES_NOT


def test_what_is_no_digit_has_no_contrast_to_judge():
    judged = {j.claim.letter: j for j in judge(evidence(precision=0.09))}
    for letter in ("d, range", "d, norm", "d, prior"):
        assert judged[letter].verdict == CANNOT_TELL
        said = sentence(judged[letter])
        assert "Not both draw digits: 9% and 9% lie among real ones; contrast: " in said
    assert judged["c"].verdict == DOES_NOT


def test_the_order_of_what_is_as_bad_as_noise_says_nothing():
    judged = {j.claim.letter: j for j in judge(evidence(fid_noise=13.0))}
    for letter in ("f", "g, steps", "i", "j, looks"):
        assert judged[letter].verdict == CANNOT_TELL
        assert "No nearer to real images than noise, FID 13; " in sentence(judged[letter])
    for letter in ("c", "e"):  # one of their rows is better than noise
        assert judged[letter].verdict != CANNOT_TELL


def test_a_perfect_copy_is_a_copy():
    found = {j.claim.letter: j for j in judge(evidence(source=0.0))}
    assert found["g, copies"].verdict == DOES_NOT


@pytest.mark.parametrize("seeds", [0, 1])
def test_nothing_is_asserted_from_a_single_seed(seeds):
    found = judge(dataclasses.replace(evidence(seeds), timing=[]))
    assert {judged.verdict for judged in found} == {CANNOT_TELL}
    assert all("two seeds" in sentence(j) for j in found)


def test_noise_cannot_tell_and_says_what_would_have_been_seen():
    found = {judged.claim.letter: judged for judged in judge(evidence(noise=1.0))}
    assert found["c"].verdict == CANNOT_TELL
    assert "would have been seen" in sentence(found["c"])


def test_of_many_figures_the_least_sure_is_told():
    found = evidence()
    odd = setting_name(*REPORTED_COMBINED[2][0])
    timing = [
        {**line, "seconds": line["seconds"] * (1.015 if line["item"] == odd else 1)}
        for line in found.timing
    ]
    judged = {j.claim.letter: j for j in judge(dataclasses.replace(found, timing=timing))}["h"]
    assert f"Of 7 comparisons the least sure: {odd} against the mean of the others" in sentence(
        judged
    )


def test_a_slope_is_the_regression_line_of_log_fid():
    (found,) = claims.std_series(evidence(noise=1e-9))
    x, y = [0.8, 1.0, 1.2], np.log([12.0, 14.0, 17.0])
    assert math.log(found.ratio) == pytest.approx(np.polyfit(x, y, 1)[0] * 0.4, rel=1e-5)


def test_more_psnr_is_less_error():
    error, _ = claims.fidelity(evidence(noise=1e-9))
    assert error.ratio == pytest.approx(10 ** (-1 / 20), rel=1e-4)  # 1 dB


def test_the_table_has_a_line_per_figure_with_its_verdict():
    judged = judge(evidence())
    lines = claims.table(judged)
    assert len(lines) == sum(len(j.effects) for j in judged)
    assert {line["claim"] for line in lines} == {claim.letter for claim in claims.CLAIMS}
    assert len(claims.CLAIMS) == TESTS
    assert all(0 <= line["p_holm"] <= 1 for line in lines)
