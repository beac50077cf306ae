"""Where the best value lies at an edge of its range, better ones may lie beyond."""

import dataclasses

import pytest
from support.planted_studies import make_study, row
from support.toy_problem import TOY

from study.analysis.edges import best_at_edges
from study.spec.problem import Parameter


def found(tmp_path, value, parameter, trials=5):
    """What is said of a study whose best trial has this value of its one parameter."""
    problem = dataclasses.replace(TOY, parameters=(parameter,))
    values = [value] + [parameter.choices[0] if parameter.choices else parameter.low] * trials
    rows = [
        row(f"t{i}", "completed", error=i + 1.0, **{parameter.name: each})
        for i, each in enumerate(values[:trials])
    ]
    return best_at_edges(make_study(tmp_path, rows, problem))


LOG = Parameter("p", "p", 1e-4, 1e-2, log=True, least=0)
EVEN = Parameter("p", "p", 0.0, 10.0)


@pytest.mark.parametrize(
    ("value", "parameter", "expected"),
    [
        (9.0e-3, LOG, (True, 1e-4, 0.1)),  # within 5 % on the log scale, though not on the other
        (7.0e-3, LOG, None),
        (1.2e-4, LOG, (False, 1e-5, 1e-2)),
        (4.0e-4, LOG, None),  # within 5 % on the other scale
        (9.6, EVEN, (True, 0.0, 15.0)),
        (0.4, EVEN, (False, -5.0, 10.0)),
        (9.4, EVEN, None),
        (9.9, dataclasses.replace(EVEN, most=10.0), None),
        (9.9, dataclasses.replace(EVEN, most=12.0), (True, 0.0, 11.0)),  # half of the way
        (8, Parameter("p", "p", 2, 8, step=2), (True, 2, 10)),
        (8, Parameter("p", "p", 2, 8, step=2, most=9), None),
        (6, Parameter("p", "p", 2, 8, step=2), None),
        (64, Parameter("p", "p", 4, 64, log=True, step=1, most=100), (True, 4, 100)),
        ("a", Parameter("p", "p", choices=("a", "b")), None),
    ],
)
def test_the_best_value_at_an_edge_and_a_wider_range(tmp_path, value, parameter, expected):
    edges = [(at.upper, at.low, at.high) for at in found(tmp_path, value, parameter)]
    assert edges == ([] if expected is None else [pytest.approx(expected)])


def test_of_few_trials_nothing_is_said(tmp_path):
    assert found(tmp_path, 9.9, EVEN, trials=4) == []
