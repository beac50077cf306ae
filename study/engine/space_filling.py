"""Settings that fill a space evenly: what is proposed as long as nothing can be learnt from."""

import math
from collections.abc import Iterable, Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from study.spec.problem import Value

CANDIDATES = 64
"""Random settings of which the one is taken that is farthest from all that were tried."""


class SpaceFilling:
    """Proposes the random setting that is farthest from its nearest neighbour among those tried.

    This is the maximin design (Johnson, Moore & Ylvisaker 1990), a point at a time. Where many
    trials begin at once, before any has a result, they leave fewer gaps than random ones.

    Args:
        distributions: by parameter.
        sampler: draws the candidates.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        sampler: optuna.samplers.BaseSampler,
    ) -> None:
        self._distributions, self._sampler = dict(distributions), sampler

    def propose(self, tried: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
        """Return the next setting."""
        study, others = optuna.create_study(sampler=self._sampler), list(tried)
        candidates = [study.ask(self._distributions).params for _ in range(CANDIDATES)]
        return max(
            candidates,
            key=lambda c: min((self._squared_distance(c, each) for each in others), default=0.0),
        )

    def _squared_distance(self, a: Mapping[str, Value], b: Mapping[str, Value]) -> float:
        """Return how far two settings are apart, each parameter on [0, 1]."""
        return sum(
            (_position(each, a[name]) - _position(each, b[name])) ** 2
            if not isinstance(each, CategoricalDistribution)
            else float(a[name] != b[name])
            for name, each in self._distributions.items()
        )


def _position(distribution: BaseDistribution, value: Value) -> float:
    """Return where in its range a number is, on the scale on which it is searched: 0 to 1."""
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    if low == high:
        return 0.0
    if distribution.log:  # type: ignore[attr-defined]
        return math.log(float(value) / low) / math.log(high / low)
    return (float(value) - low) / float(high - low)
