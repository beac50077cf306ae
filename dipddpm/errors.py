"""The errors that a caller can act on. Each carries one line a user can read."""

from torch import Tensor


class ConfigError(ValueError):
    """A setting is out of bounds.

    ``name`` is the field of the configuration, so that a command line can name its flag instead.
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name, self.value, self.expected = name, value, expected

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r}; expected {self.expected}"


class DataError(RuntimeError):
    """A data set is missing, unreadable or does not fit the settings."""


class NonFiniteError(ArithmeticError):
    """A number that decides something is NaN or infinite: unknown, and never the best."""


class NonFiniteLossError(NonFiniteError):
    """A training loss became NaN or infinite; going on would only burn time."""

    def __init__(self, stage: str, step: int, settings: str) -> None:
        super().__init__(stage, step, settings)
        self.stage, self.step, self.settings = stage, step, settings

    def __str__(self) -> str:
        return f"{self.stage} loss is not finite at step {self.step} ({self.settings})"


class NonFiniteImagesError(NonFiniteError):
    """Drawn images hold NaN or infinity, so they have no score."""

    def __init__(self, bad: int, drawn: int) -> None:
        super().__init__(bad, drawn)
        self.bad, self.drawn = bad, drawn

    def __str__(self) -> str:
        return (
            f"{self.bad} of {self.drawn} drawn images hold values that are not finite; a lower "
            "ddpm_lr may help"
        )


def require_finite(losses: Tensor, stage: str, settings: str, first_step: int = 0) -> None:
    """Raise NonFiniteLossError that names the first bad step. Reads the device once."""
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        raise NonFiniteLossError(stage, first_step + int(bad[0]) + 1, settings)
