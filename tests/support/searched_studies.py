"""A search of the toy problem whose quality depends on its parameters in a known way."""

import dataclasses
import math

import numpy as np

from support.planted_studies import make_study, row
from support.toy_problem import TOY

REFERENCE = {"x": 10.0, "y": 0.5}
DECADES = 1.5
"""By how many decades x changes the error over its two decades; y does not change it."""


def true_error(x: float) -> float:
    return 0.1 * 10 ** (DECADES * (math.log10(x) + 1) / 2)


def searched_study(tmp_path, trials=30, noise=0.03, reference=REFERENCE, name="searched"):
    """Random settings, errors with some noise; the best is at the low end of x."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(trials):
        x, y = 10 ** rng.uniform(-1, 1), rng.uniform(-1, 1)
        error = true_error(x) * math.exp(rng.normal(0, noise))
        rows.append(row(f"t{number}", "completed", x=x, y=y, error=error))
    problem = dataclasses.replace(TOY, reference=reference, reference_label="the published setting")
    return make_study(tmp_path, rows, problem, name)
