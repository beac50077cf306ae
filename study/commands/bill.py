"""What a study will use, said before it starts, and what it has used, beside each other."""

from study.commands.session import Session
from study.results.usage import COST, amount, hours_of_study, unit_of


def announce_cost(session: Session, expected: float, most: float) -> None:
    """Say what a study is expected to use, and note it in ``study.json``.

    Args:
        expected: hours of GPUs, or of cores, that it is expected to use, those used included.
        most: the most that it can use: no trial is stopped early, and each confirmed setting takes
            all its seeds.
    """
    settings, folder = session.settings, session.folder
    if (budget := settings.budget_hours) is not None:
        expected, most = min(expected, budget), min(most, budget)
    folder.info[COST] = {
        "unit": unit_of(settings.plan.gpus_per_trial),
        "expected": float(f"{expected:.4g}"),
        "most": float(f"{most:.4g}"),
        "used": hours_of_study(folder.path),
        "price_per_hour": settings.price_per_hour,
    }
    folder.set_status(folder.info["status"])
    session.console.print(
        f"to be used: about {_amount(session, expected)}, at most {_amount(session, most)}"
    )


def announce_used(session: Session) -> None:
    """Say what a study has used, and what was expected."""
    cost = session.folder.info.get(COST, {})
    text = f"used: {_amount(session, hours_of_study(session.folder.path))}"
    if "expected" in cost:
        text += f"; expected {_amount(session, cost['expected'])}"
    session.console.print(text)
    if session.budget_is_used:
        session.console.print(
            f"the budget is used: --resume {session.settings.plan.name} goes on with a larger one"
        )


def _amount(session: Session, hours: float) -> str:
    """Return hours in words, with their price if an hour has one."""
    settings = session.settings
    return amount(hours, settings.plan.gpus_per_trial, settings.price_per_hour)
