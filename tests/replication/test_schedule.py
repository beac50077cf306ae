"""Runs at the original's own scale: what comes first, what an open claim gets, what is left."""

import dataclasses

import pytest
from support.planted_evidence import evidence

from study.analysis.intervals import ALPHA
from study.analysis.sequential import Looks
from study.cluster.capacity import this_machine
from study.replication import schedule
from study.replication.claims import CANNOT_TELL, HOLDS, judge
from study.replication.condition_names import ALONE, ALONE_LR, COMBINED, suspects_name
from study.replication.condition_plans import plans_of
from study.replication.design import points_of, resolve_design

LOOKS = Looks.up_to(9)
OPEN = suspects_name("range", "norm")
"""A condition that decides no claim."""


def planned(found, planned_looks=LOOKS.planned):
    """The evidence as of a design whose seeds come in groups."""
    study = dataclasses.replace(found.study, info={**found.study.info, "looks": planned_looks})
    return dataclasses.replace(found, study=study)


def without(found, name, seeds):
    """The evidence without some runs of a condition."""
    gone = [{"condition": name, "seed": seed} for seed in seeds]
    trials = tuple(t for t in found.study.trials if t.parameters not in gone)
    return dataclasses.replace(found, study=dataclasses.replace(found.study, trials=trials))


def test_the_preset_has_the_originals_scale_and_compact_networks():
    settings = resolve_design({"preset": "compact"}, this_machine())
    run = settings.run
    assert (run.dataset, run.train_size, run.timesteps) == ("mnist", None, 1000)
    assert (run.epochs, run.dip_steps, run.batch_size) == (20, 3500, 128)
    assert (run.denoiser, run.restorer, run.width) == ("unet", "unet", 16)
    assert (settings.budget, settings.confirm_seeds) == (24.0, 9)
    priced = resolve_design({"preset": "compact", "price_per_hour": 2.0}, this_machine())
    assert priced.budget is None  # which would be a price, not hours


def test_what_decides_comes_first_then_the_runs_as_reported():
    settings = resolve_design({"preset": "compact"}, this_machine())
    points = points_of(settings)
    names = [point["condition"] for point in points]
    assert set(names) <= set(plans_of(settings.run))
    decisive = len(schedule.DECISIVE) * 4
    assert set(names[:decisive]) == set(schedule.DECISIVE)
    assert sorted({p["seed"] for p in points[:decisive]}) == [1, 2, 3, 4]
    assert sorted(names[decisive:]) == sorted(schedule.AT_FULL_LENGTH)
    assert OPEN not in names


def test_open_claims_get_the_next_group_and_decided_ones_none():
    found = planned(evidence(seeds=4, noise=0.01))
    verdicts = {j.claim.letter: j.verdict for j in judge(found)}
    assert verdicts["c, curve"] == "does not hold"
    noisy = planned(evidence(seeds=4, noise=2.0))
    assert {j.verdict for j in judge(noisy) if j.claim.needs} == {CANNOT_TELL}
    points = schedule.more_points(noisy, seed=0, most=9)
    assert {point["seed"] for point in points} == {5, 6}
    assert {point["condition"] for point in points} == set(schedule.DECISIVE)


def test_what_decides_nothing_comes_last():
    found = planned(evidence(seeds=9))
    assert all(j.verdict != CANNOT_TELL for j in judge(found))
    assert schedule.more_points(found, seed=0, most=9) == []
    fewer = without(found, OPEN, range(3, 10))
    assert schedule.more_points(fewer, seed=0, most=9) == [
        {"condition": OPEN, "seed": seed} for seed in (3, 4)
    ]
    assert f"{OPEN} (2 of 4 runs)" in schedule.left_out(fewer)


def test_each_look_spends_its_share_of_the_error():
    """The first look that decides counts, with p-values corrected for its share."""
    at_once, found = evidence(seeds=4), planned(evidence(seeds=4))
    levels = dict(LOOKS.up_to_now(9, ALPHA))
    for one, other in zip(judge(at_once), judge(found), strict=True):
        if one.claim.needs:
            assert other.p == pytest.approx(min(1.0, one.p * ALPHA / levels[4]))
            assert other.findings == one.findings


def test_seeds_between_looks_are_not_looked_at():
    """Nor is a claim judged before all its conditions have the seeds of the look."""
    five, four = (judge(planned(evidence(seeds=5).up_to(n))) for n in (5, 4))
    assert [j.p for j in five if j.claim.needs] == [j.p for j in four if j.claim.needs]
    lacking = without(planned(evidence(seeds=4)), ALONE_LR, [4])
    judged = {j.claim.letter: j for j in judge(lacking)}
    assert judged["d, lr"].verdict == CANNOT_TELL
    assert "two seeds" in judged["d, lr"].note
    assert judged["d, range"].verdict == HOLDS


def test_what_a_look_decided_stays_decided():
    """Later seeds that say the opposite come too late: they were not to be run for it."""
    found = planned(evidence(seeds=6))
    trials = tuple(
        dataclasses.replace(trial, metrics={**trial.metrics, "fid": 0.1})
        if trial.parameters["condition"] == COMBINED and trial.parameters["seed"] > 4
        else trial
        for trial in found.study.trials
    )
    turned = dataclasses.replace(found, study=dataclasses.replace(found.study, trials=trials))
    judged = {j.claim.letter: j for j in judge(turned)}
    assert (judged["c"].verdict, judged["c"].findings[0].effect.n) == ("does not hold", 4)
    assert turned.has_all([ALONE, COMBINED], 6)
