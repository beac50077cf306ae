"""Settings that fill a space evenly: what is proposed as long as nothing can be learnt from."""

from collections.abc import Iterable, Mapping, Sequence

import optuna

from study.spec.optuna_space import distribution
from study.spec.problem import Parameter, Value

CANDIDATES = 64
"""Random settings of which the one is taken that is farthest from all that were tried."""


class SpaceFilling:
    """Proposes the random setting that is farthest from its nearest neighbour among those tried.

    This is the maximin design (Johnson, Moore & Ylvisaker 1990), a point at a time. Where many
    trials begin at once, before any has a result, they leave fewer gaps than random ones.

    Args:
        parameters: where they are searched.
        sampler: draws the candidates.
    """

    def __init__(
        self, parameters: Sequence[Parameter], sampler: optuna.samplers.BaseSampler
    ) -> None:
        self._parameters, self._sampler = parameters, sampler
        self._distributions = {p.name: distribution(p) for p in parameters}

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
            float(a[p.name] != b[p.name])
            if p.choices
            else (p.position(a[p.name]) - p.position(b[p.name])) ** 2
            for p in self._parameters
        )
