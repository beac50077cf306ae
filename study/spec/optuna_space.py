"""The search space in Optuna's terms."""

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.spec.problem import Parameter

optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of each study that it makes


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return Optuna's distribution of a parameter."""
    if parameter.choices:
        return CategoricalDistribution(parameter.choices)
    if parameter.step is not None:
        low, high = int(parameter.low), int(parameter.high)
        return IntDistribution(low, high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
