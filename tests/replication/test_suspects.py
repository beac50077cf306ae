"""Effects of crossed suspects, and their interactions, against planted ones."""

import dataclasses
import math

import pytest
from support.planted_evidence import evidence

from study.replication.suspects import WITH_PRIOR, WITHOUT_PRIOR, crossed_effects, table


@pytest.fixture(scope="module")
def found():
    planted = crossed_effects(evidence(noise=1e-9))
    return {(each.crossing, each.factors, each.metric): each for each in planted}


@pytest.mark.parametrize(
    ("factors", "ratio"),
    [
        ("range", 0.7),  # at each combination of the others
        ("norm", 0.5 * math.sqrt(0.5)),  # 0.5, and 0.25 at half the learning rate
        ("lr", 0.8 * math.sqrt(0.5)),  # 0.8, and 0.4 with a normalised input
        ("range × norm", 1.0),
        ("range × lr", 1.0),
        ("norm × lr", 0.5),
        ("range × norm × lr", 1.0),
    ],
)
def test_effects_and_interactions_are_told_apart(found, factors, ratio):
    each = found["without prior", factors, "contrast"]
    assert each.effect.ratio == pytest.approx(ratio, rel=1e-6)
    assert each.effect.n == 5
    assert each.least_precision == 0.6


def test_the_learning_rate_is_told_apart_from_the_prior(found):
    crossing = "with and without prior"
    assert found[crossing, "prior", "contrast"].effect.ratio == pytest.approx(1.0, rel=1e-6)
    assert found[crossing, "lr", "contrast"].effect.ratio == pytest.approx(0.8, rel=1e-6)
    assert found[crossing, "prior × lr", "contrast"].effect.ratio == pytest.approx(1.0, rel=1e-6)


def test_each_crossing_has_all_combinations():
    for crossing, factors in ((WITHOUT_PRIOR, 3), (WITH_PRIOR, 2)):
        assert len(set(crossing.values())) == len(crossing) == 2**factors


def test_what_has_not_been_run_has_no_pairs():
    nothing = evidence(seeds=0)
    assert {each.effect.n for each in crossed_effects(nothing)} == {0}
    info = {**nothing.study.info, "conditions": {}}  # as of a study that had no crossing
    old = dataclasses.replace(nothing, study=dataclasses.replace(nothing.study, info=info))
    assert {line["n"] for line in table(crossed_effects(old))} == {0}
