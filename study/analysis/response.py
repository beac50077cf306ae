"""The quality as a function of the parameters, estimated from a search's trials, with intervals.

The model is a Gaussian process (Rasmussen & Williams 2006, Algorithm 2.1) of the logarithm of the
first objective over the parameters and the resource, each on its own scale. Every trial counts
once, with its last evaluation: so the trials that were stopped early tell something too, and no two
values share a seed's luck. What the model says of trials that it has not seen widens its intervals
where they would be too narrow. The kernel's parameters are taken as known.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.analysis.once import once
from study.results.records import StudyRecord
from study.spec.problem import Parameter, Problem, Value

Array = npt.NDArray[np.float64]
Point = Mapping[str, Value]

MIN_TRIALS = 12
"""Trials below which no model is fitted."""

MAX_TRIALS = 200
"""Trials that a model is fitted to, evenly spread: the work grows with their cube."""

LEAST_EXPLAINED = 0.5
"""The share of the variance among trials left out below which a model is not to be believed."""

TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Factor:
    """A ratio of two qualities, with its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out 1."""
        return not self.low <= 1 <= self.high


@dataclass(frozen=True)
class Response:
    """A fitted model.

    Attributes:
        problem: whose parameters it knows.
        trials: how many it rests on.
        explained: the share of the variance of log quality that it explains among trials left out,
            one at a time; at most 1.
        process: scikit-learn's Gaussian process.
        noise: the variance of log quality at one setting.
        widened: by what its deviations are multiplied to agree with trials left out.
    """

    problem: Problem
    trials: int
    explained: float
    process: Any
    noise: float
    widened: float

    def log_quality(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """Return means (N,) and covariance (N, N) of noiseless log quality at full resource."""
        inputs = [_place(self.problem, point, self.problem.max_resource) for point in points]
        mean, covariance = self.process.predict(np.array(inputs), return_cov=True)
        covariance = covariance - self.noise * np.eye(len(points))
        return mean, covariance * self.widened**2

    def factor(self, after: Point, before: Point) -> Factor:
        """Return by what the quality at one point differs from that at another."""
        (a, b), covariance = self.log_quality([after, before])
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        half = TWO_SIDED_95 * math.sqrt(max(0.0, variance))
        return Factor(*(math.exp(a - b + shift) for shift in (0.0, -half, half)))


@once
def response(study: StudyRecord) -> Response | None:
    """Return the model of a search; None where there are too few trials, or it explains too little.

    Trials whose quality has no logarithm do not count.
    """
    if not study.searched:
        return None
    problem, quality = study.problem, study.problem.objectives[0]
    last = [
        (trial.parameters, found[-1])
        for trial in study.trials
        if (found := [e for e in trial.curve if e.metrics.get(quality, 0.0) > 0])
    ]
    last = last[:: math.ceil(len(last) / MAX_TRIALS) or 1]
    values = np.array([math.log(e.metrics[quality]) for _, e in last])
    settings = {problem.setting(parameters) for parameters, _ in last}
    if len(settings) < MIN_TRIALS or np.ptp(values) == 0:
        return None
    inputs = np.array([_place(problem, point, e.resource) for point, e in last])
    fitted = _fit(problem, inputs, values)
    return fitted if fitted.explained >= LEAST_EXPLAINED else None


def _fit(problem: Problem, inputs: Array, values: Array) -> Response:
    from sklearn.exceptions import ConvergenceWarning  # seconds to import, as below
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    # in standard deviations of the values, and in ranges of the parameters
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(
        [0.5] * inputs.shape[1], (0.05, 20.0), nu=2.5
    ) + WhiteKernel(0.01, (1e-4, 1.0))
    process = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0
    )
    with warnings.catch_warnings():  # a parameter that does not matter has its length at the bound
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(inputs, values)
    # leave-one-out residuals and their variances in closed form (ibid., Eq. 5.12)
    inverse = np.linalg.inv(process.kernel_(inputs))
    standard = (values - values.mean()) / values.std()
    variances = 1 / np.diag(inverse)
    residuals = inverse @ standard * variances
    return Response(
        problem=problem,
        trials=len(values),
        explained=1 - float(np.mean(residuals**2)),
        process=process,
        noise=float(process.kernel_.k2.noise_level) * float(values.std()) ** 2,
        widened=max(1.0, math.sqrt(float(np.mean(residuals**2 / variances)))),
    )


def _place(problem: Problem, point: Point, resource: int) -> list[float]:
    """Return a point as the model takes it: every range from 0 to 1, a coordinate per choice."""
    coordinates = [c for p in problem.parameters for c in _coordinates(p, point[p.name])]
    most = problem.max_resource
    return [*coordinates, math.log(resource) / math.log(most) if most > 1 else 1.0]


def _coordinates(parameter: Parameter, value: Value) -> list[float]:
    if parameter.choices:
        return [float(value == choice) for choice in parameter.choices]
    return [parameter.position(value)]
