"""What a study that goes on may search: all that it searched before, or more."""

from dataclasses import dataclass

from study.spec.errors import SettingError
from study.spec.problem import Problem


@dataclass(frozen=True)
class Widening:
    """A parameter that is searched in a wider range than before.

    Attributes:
        parameter: its name.
        before, now: the lowest and the highest value.
    """

    parameter: str
    before: tuple[float, float]
    now: tuple[float, float]


def widenings(before: Problem, now: Problem) -> list[Widening]:
    """Return the parameters whose range has become wider.

    Raises:
        SettingError: another set of parameters is searched, or a range lacks what it had: the
            study's trials would lie outside.
    """
    were, are = ({p.name: p for p in problem.parameters} for problem in (before, now))
    found = []
    for name in {**were, **are}:
        if name not in were:
            expected = "no range: the study began without searching it"
            raise SettingError(name, are[name].range, expected)
        old = were[name]
        if name not in are:
            raise SettingError(name, "not searched", f"{old.range}, as so far, or wider")
        new = are[name]
        if new.choices != old.choices:
            expected = f"{old.range}: Optuna storages take no other choices once there are trials"
            raise SettingError(name, new.range, expected)
        if not new.includes(old):
            expected = f"{old.range}, as so far, or wider on the same scale"
            raise SettingError(name, new.range, expected)
        if (new.low, new.high) != (old.low, old.high):
            found.append(Widening(name, (old.low, old.high), (new.low, new.high)))
    return found
