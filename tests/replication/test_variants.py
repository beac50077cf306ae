"""Variants of drawing beside DDPM alone."""

import pytest
from support.planted_evidence import evidence

from study.replication.condition_names import ALONE, MIXED, VARIANTS
from study.replication.variants import table, variants


def test_a_variant_stands_beside_as_many_steps_without_prior():
    alone, *found = variants(evidence(noise=1e-9))
    assert (alone.name, *(each.name for each in found)) == (f"{ALONE}, 10 steps", *VARIANTS)
    mixed = found[VARIANTS.index(MIXED)]
    assert (alone.fid, mixed.fid) == pytest.approx((12.0, 8.0))
    assert mixed.effect.ratio == pytest.approx(8 / 12)
    assert (alone.nearest_source, mixed.nearest_source) == (None, 1.1)
    assert (mixed.sample_s, mixed.with_dip_s) == pytest.approx((1.0, 7.0))
    assert alone.with_dip_s == alone.sample_s
    assert alone.effect is None
    assert [line.get("n") for line in table([alone, mixed])] == [None, 5]


def test_before_two_seeds_have_ended_there_is_none():
    assert variants(evidence(seeds=1)) == []
