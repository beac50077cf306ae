"""``python study/run.py``: search, confirm, and write it all to ``results/``."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from dipddpm.priors import PRIORS
from study.commands.bill import announce_cost, announce_used
from study.commands.confirm import (
    confirm,
    confirmation_s,
    confirmation_slots,
    is_confirmed,
    whole_gpus,
)
from study.commands.opening import Command, execute
from study.commands.session import Session, announce_placement, announce_resumed
from study.commands.start_points import describe_search
from study.engine.samplers import NEEDED
from study.page.summary import write_summary
from study.page.text import clock, describe_study, describe_widenings
from study.problem.arguments import FLAGS, RUN, make_parser
from study.problem.cost import Cost, cost_of_first, estimate_cost, trials_timed
from study.problem.definition import describe
from study.problem.settings import StudySettings, resolve
from study.problem.trainable import trainable
from study.results.folder import DASHBOARD_FILE
from study.results.records import load_study
from study.results.usage import held_s, hours_of_study, hours_used
from study.spec.status import ENDED, StudyStatus


def main(argv: list[str] | None = None, prog: str = RUN) -> int:
    """Run the command; return its exit status."""
    parser = make_parser(prog)
    command = Command(RUN, parser, FLAGS, resolve, describe_search, lambda s: [s.run], run)
    return execute(command, argv)


def run(session: Session) -> StudyStatus:
    """Announce, search, confirm, and say what was found; return how it ended."""
    settings, folder, console = session.settings, session.folder, session.console
    announce(session)
    expected_s = announce_time(session)
    status = session.run_trials(
        trainable(settings, session.features),
        settings.plan,
        folder,
        expected_s,
        functools.partial(announce_by_first_trials, session),
    )
    study = load_study(folder.path)
    write_summary(study, console.print)
    time_is_up = session.time_is_up
    if study.best and is_confirmed(settings) and (status == StudyStatus.FINISHED or time_is_up):
        confirmed = confirm(session, study)
        status = status if confirmed == StudyStatus.FINISHED else confirmed
        study = load_study(folder.path)
        write_summary(study, console.print)
    console.print(describe_study(study))
    announce_used(session)
    if settings.smoke_test:
        console.print("this was a smoke test: its figures mean nothing")
    console.print(f"open {folder.path / DASHBOARD_FILE}")
    planned = time_is_up or session.budget_is_used
    if status == StudyStatus.INTERRUPTED and planned and study.best:
        return StudyStatus.FINISHED
    return status


def announce(session: Session) -> None:
    """Say what will run, and on what."""
    settings, console = session.settings, session.console
    run, plan, problem = settings.run, settings.plan, session.folder.problem
    dip = run.prior if PRIORS[run.prior].restores else "no prior"
    if "dip_steps" in PRIORS[run.prior].parameters:
        dip += f", {run.dip_steps} DIP steps"
    console.print(
        f"{problem.title}: {plan.num_samples} trials of up to {run.epochs} epochs "
        f"({dip}, {len(session.dataset.train)} training images), preset {settings.preset}"
    )
    announce_resumed(session)
    space = ", ".join(f"{p.name} {p.low:g} to {p.high:g}" for p in problem.parameters)
    console.print(f"space: {space}; {plan.sampler}, {plan.scheduler}")
    for line in (*describe_start(session), *describe_widenings(session.folder.info)):
        console.print(line)
    if plan.num_samples < (needed := NEEDED.get(plan.sampler, 0)):
        console.print(
            f"{plan.sampler} will hardly learn from {plan.num_samples} trials: it takes {needed}"
        )
    announce_placement(session)


def describe_start(session: Session) -> list[str]:
    """Return which known settings come first, and whether some of them find no room."""
    problem, plan = session.folder.problem, session.settings.plan
    tried = [problem.parameters_in(row) for row in session.folder.read_trials()]
    waiting = [point for point in problem.start_points if point not in tried]
    originals = describe(session.settings).start_points
    given, room = sum(point not in originals for point in waiting), plan.num_samples - len(tried)
    counts = {"given": given, "of the original report": len(waiting) - given}
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    lines = [f"known settings first: {', '.join(parts)}"] if parts and room else []
    if given and len(waiting) > room:
        left = f"room for {room} of them"
        lines.append(f"--num-samples {plan.num_samples} leaves {left}: the last are not tried")
    return lines


def announce_time(session: Session) -> list[float]:
    """Say how long all will take and what it will use, by a few timed steps.

    A cluster's workers may differ from this machine and need not be up: there the first trials
    tell, those of an earlier session too.

    Returns:
        The seconds that a trial is expected to take; empty if unknown yet.
    """
    settings, folder = session.settings, session.folder
    features = session.features  # whose training is not part of what is estimated
    rows = folder.read_trials()
    if not session.on_cluster:
        return announce_cost_of(session, rows, estimate_cost(settings, features))
    if expected_s := announce_by_first_trials(session, rows):
        return expected_s
    count = trials_timed(settings)
    session.console.print(
        f"how long and at what cost: said when {count} trial{'s' * (count > 1)} "
        f"had an evaluation; results in {folder.path}"
    )
    return []


def announce_by_first_trials(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Say how long all will take and what it will use, once enough trials have been evaluated.

    Args:
        rows: those of all trials so far.

    Returns:
        The seconds that a trial is expected to take; empty if there are not enough yet.
    """
    if cost := cost_of_first(session.settings, rows):
        return announce_cost_of(session, rows, cost)
    return []


def announce_cost_of(
    session: Session, rows: Sequence[Mapping[str, Any]], cost: Cost
) -> list[float]:
    """Say how long all will take and what it will use; return the seconds of a trial."""
    settings, plan, epochs = session.settings, session.settings.plan, session.settings.run.epochs
    trial_s, whole_s = (
        cost.trial_s(spent, settings.evaluations(spent))
        for spent in (settings.expected_epochs, epochs)
    )
    begun = [held_s([row]) for row in rows if row["status"] not in ENDED]
    new = plan.num_samples - len(rows)
    if not begun and not new:
        return [trial_s]
    left_s, most_left_s = (
        new * each + sum(max(0.0, each - held) for held in begun) for each in (trial_s, whole_s)
    )
    text = f"about {clock(left_s / plan.slots)}"
    if plan.time_budget_s:
        text += f", at most {clock(plan.time_budget_s)}"
    if is_confirmed(settings):
        search_s, runs_s = confirmation_s(settings, cost)
        confirm_s = search_s / plan.slots + runs_s / confirmation_slots(settings)
        text += f", then {clock(confirm_s)} for the runs that confirm"
    session.console.print(f"{text}; results in {session.folder.path}")
    elsewhere = hours_of_study(session.folder.path) - hours_used(session.folder.path)
    hours = [elsewhere + plan.hours(held_s(rows) + left) for left in (left_s, most_left_s)]
    if is_confirmed(settings):
        hours = [
            each + _confirmation_hours(settings, cost, most)
            for each, most in zip(hours, (False, True), strict=True)
        ]
    announce_cost(session, *hours)
    return [trial_s]


def _confirmation_hours(settings: StudySettings, cost: Cost, most: bool) -> float:
    """Return the hours that the confirmation uses; its runs share no GPU, its search may."""
    search_s, runs_s = confirmation_s(settings, cost, most)
    alone = dataclasses.replace(settings.plan, gpus_per_trial=whole_gpus(settings.plan))
    return settings.plan.hours(search_s) + alone.hours(runs_s)
