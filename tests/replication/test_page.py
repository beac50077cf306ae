"""Tables and page of the original's experiments, from a small study that is planted."""

import dataclasses

import pandas as pd
import pytest
from support.browsing import check_accessible, check_quiet, show_at, wait_until_drawn
from support.planted_evidence import evidence

from study.replication import page
from study.replication.claim_table import tally
from study.replication.claim_text import details_text, loader_text
from study.replication.claims import judge
from study.replication.condition_names import (
    COMBINED,
    DIP_ALONE,
    DIP_FITTED,
    DIP_HELD_OUT,
    LOADERS,
    as_reported_name,
)
from study.replication.loader_effect import LoaderEffect, loader_effect
from study.replication.suspect_table import suspect_groups
from study.replication.suspects import crossed_effects
from study.results.folder import read_rows


@pytest.fixture(scope="module")
def planted():
    found = evidence()
    info = {
        **found.study.info,
        "train_images": 1000,
        "status": "finished",
        "hardware": {"cores": 2, "cpu": "a CPU", "gpus": []},
    }
    parts = ("network", "per-image loader", "tensor-dataset loader", "tensor loader")
    seconds = dict(zip(parts, (0.1, 0.015, 0.001, 0.0002), strict=True))
    seconds |= {f"network and {part}": 0.1 + seconds[part] for part in parts[1:]}
    timing = [line for line in found.timing if line["group"] != LOADERS]
    timing += [
        {"group": LOADERS, "item": item, "round": number, "seconds": value + wave}
        for number, wave in enumerate((-0.001, 0.0, 0.001))
        for item, value in seconds.items()
    ]
    study = dataclasses.replace(found.study, info=info)
    return dataclasses.replace(found, study=study, timing=timing)


def test_the_scale_is_stated_beside_the_originals(planted):
    text = page.scale_text(planted)
    assert "digits, 1000 training images, 100 DIP steps, 18 epochs" in text
    assert "as reported: 144 DDPM steps of 128, one seed" in text  # 18 times 8, the last of 104
    assert "controlled: 558 DDPM steps of 32, 5 seeds" in text
    assert "a low DIP learning rate is fitted less far" in text
    assert "2 cores of a CPU, no GPU" in text
    assert "The original report: mnist, 60000 images, 3500 DIP steps" in text
    assert "the compact one, its input normalised too, stands in" in text


def test_machines_of_all_sessions_are_named(planted):
    here, there = planted.study.info["hardware"], {"cores": 8, "cpu": "another", "gpus": ["a GPU"]}
    sessions = [{}, {"hardware": here}, {"hardware": there}]
    study = dataclasses.replace(planted.study, info={**planted.study.info, "sessions": sessions})
    text = page.scale_text(dataclasses.replace(planted, study=study))
    assert "2 cores of a CPU, no GPU and, in other sessions, 8 cores of another, a GPU." in text


def test_conditions_stand_beside_the_published_figures(planted):
    found = {line["condition"]: line for line in page.conditions_table(planted)}
    assert found[as_reported_name("DDPM alone")]["published_per_iteration_s"] == 22.93
    assert found[COMBINED]["n"] == 5
    mean = [t.metrics["fid"] for t in planted.study.trials if t.parameters["condition"] == COMBINED]
    assert found[COMBINED]["fid"] == pytest.approx(sum(mean) / 5)
    first = {line["kind"]: name for name, line in reversed(found.items())}
    assert first == {"as reported": as_reported_name(DIP_FITTED), "controlled": DIP_ALONE}


def test_dip_alone_is_what_dip_left_of_held_out_images(planted):
    restored = [
        {"images": "restored", "n": 100, "fid": 77.0, "psnr": 9.0},
        {"images": "fitted", "n": 100, "fid": 7.0, "psnr": 28.0},
    ]
    scores = {**planted.extra_scores, (as_reported_name(DIP_ALONE), 0): restored}
    more = dataclasses.replace(planted, extra_scores=scores)
    found = {line["condition"]: line for line in page.conditions_table(more)}
    held_out, fitted = (found[as_reported_name(name)] for name in (DIP_HELD_OUT, DIP_FITTED))
    assert (held_out["n"], held_out["fid"], held_out["dip_psnr"]) == (1, 77.0, 9.0)
    assert (fitted["fid"], fitted["dip_psnr"], fitted["scored_images"]) == (7.0, 28.0, 100)
    assert fitted["published_says"] == "restored digits, of the fitted batch itself"
    assert (held_out["published_says"], held_out["std"], held_out["dip_lr"]) == ("", 2.0, 5e-4)
    assert not {"denoiser", "ddpm_lr", "epochs"} & set(fitted)
    assert as_reported_name(DIP_ALONE) not in found  # whose DDPM nobody asks for
    controlled = found["DIP alone"]
    restored = planted.extra(COMBINED, "restored", "fid")
    assert controlled["fid"] == pytest.approx(sum(restored) / 5)
    assert (controlled["n"], controlled["published_says"]) == (5, "")


def test_a_condition_that_lacks_runs_is_said(planted):
    lost = [t for t in planted.study.trials if t.parameters == {"condition": COMBINED, "seed": 2}]
    trials = tuple(t for t in planted.study.trials if t not in lost)
    study = dataclasses.replace(planted.study, trials=trials)
    assert "4 to 5 seeds" in page.scale_text(dataclasses.replace(planted, study=study))


def test_the_loader_effect_is_a_sum_of_parts_against_the_originals(planted):
    effect = loader_effect(planted)
    assert dataclasses.replace(effect, difference=(0.0, 0.0, 0.0)) == LoaderEffect(
        0.1, 0.015, 0.001, 0.0002, 0.115, 0.101, (0.0, 0.0, 0.0)
    )
    assert effect.difference == pytest.approx((0.014, 0.014, 0.014))
    text = loader_text(effect)
    assert "15.00 ms by torchvision's MNIST, one image at a time, 1.00 ms by a DataL" in text
    assert "0.20 ms by indexing" in text
    assert "53.94 and 47.37 s here, a difference of 6.57 s" in text  # 469 × 0.115, 469 × 0.101
    assert "interleaved, differ by 6.57 s [6.57, 6.57]" in text
    assert "22.93 and 15.49 s, a difference of 7.44 s" in text


def test_the_page_says_each_verdict_with_its_figures(planted):
    judged = judge(planted)
    text = page.page(planted, judged, page.conditions_table(planted))
    text = text.replace("&#39;", "'")
    for each in judged:
        assert f"({each.claim.letter}) {each.claim.text}:\n    {each.verdict}" in text
        assert details_text(each) in text
    assert tally(judged) in text
    assert 'id="steps"' in text
    assert 'id="loaders"' in text
    for part in ("curves", "prior", "seconds", "variants"):
        assert f'id="{part}"' in text
    assert "The two runs that answer it have not ended." in text
    assert "Claim: others'." in text
    assert "https://" not in text.split("<script>")[0]  # offline
    assert page.scale_text(planted) in text


def test_suspects_stand_by_crossing_and_metric_under_their_own_names(planted):
    groups = suspect_groups(crossed_effects(planted), planted.study.problem)
    assert [(group.metric, group.crossing) for group in groups] == [
        (metric, crossing)
        for crossing in ("without prior", "with and without prior")
        for metric in ("contrast (real = 1)", "FID")
    ]
    assert [row.what for row in groups[2].rows] == [
        "the prior",
        "half the DDPM learning rate",
        "the prior × half the DDPM learning rate",
    ]
    first = groups[0].rows[0]
    assert first.low < first.ratio < first.high
    text = page.page(planted, judge(planted), page.conditions_table(planted))
    assert f"{first.ratio:.2f} [{first.low:.2f}, {first.high:.2f}]" in text


def test_a_setting_that_an_earlier_version_lacked_stays_empty(planted):
    about = planted.study.info["conditions"][COMBINED]
    settings = {k: v for k, v in about["settings"].items() if k != "prior_output"}
    conditions = {COMBINED: {**about, "settings": settings}}
    study = dataclasses.replace(
        planted.study, info={**planted.study.info, "conditions": conditions}
    )
    *_, line = page.conditions_table(dataclasses.replace(planted, study=study))
    assert (line["condition"], line["prior_output"]) == (COMBINED, None)


def test_a_replication_that_timed_other_loaders_can_be_drawn(planted):
    """Version 0.2 timed no DataLoader over a TensorDataset."""
    old = [line for line in planted.timing if "tensor-dataset" not in line["item"]]
    assert loader_effect(dataclasses.replace(planted, timing=old)) is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_in_a_browser(planted, tmp_path, browser, width, scheme):
    file = tmp_path / "replication.html"
    conditions = page.conditions_table(planted)
    file.write_text(page.page(planted, judge(planted), conditions))
    show_at(browser, width, scheme)
    browser.get(file.as_uri())
    wait_until_drawn(browser)
    check_accessible(browser)
    check_quiet(browser)


def test_a_study_that_has_just_begun_can_be_drawn(planted):
    empty = dataclasses.replace(planted.study, trials=())
    begun = dataclasses.replace(planted, study=empty, timing=[], extra_scores={})
    text = page.page(begun, judge(begun), page.conditions_table(begun))
    assert "cannot tell at this scale" in text
    assert "Not measured." in text


def test_every_table_states_the_scale(planted, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "load_evidence", lambda folder: planted)
    page.write(tmp_path)
    of_runs = ("conditions.csv", "extra_scores.csv")
    for name in ("claims.csv", "suspects.csv", "variants.csv", *of_runs):
        table = pd.read_csv(tmp_path / name)
        assert set(table.scale) == {page.scale_text(planted)}
    assert len(read_rows(tmp_path / "extra_scores.csv")) == sum(
        map(len, planted.extra_scores.values())
    )
