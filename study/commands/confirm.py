"""Confirmation: finalists, the original report's setting and the baseline, with fresh seeds.

The best of many noisy trials looks better than it is (winner's curse). So each condition is run
anew at full length, alone on its device, and scored on images that the search never scored on. The
baseline's own learning rate is searched first; beside it each finalist has a twin without prior.
"""

import dataclasses
from typing import Any

import pandas as pd

from dipddpm.priors import PRIORS
from study.analysis.comparison import comparisons, table
from study.analysis.conditions import Point, fixed_design, trials_with
from study.commands.session import Session
from study.engine.plan import Plan
from study.page.verdict_text import verdict_text
from study.problem.cost import Cost
from study.problem.definition import (
    MEASURED_WORK,
    describe,
    describe_trials,
    original_setting,
)
from study.problem.settings import StudySettings
from study.problem.trainable import trainable
from study.results.files import write_text
from study.results.folder import (
    BASELINE_FOLDER,
    CONFIRM_FILE,
    CONFIRM_FOLDER,
    ResultsFolder,
)
from study.results.records import StudyRecord, TrialRecord, load_study
from study.spec.problem import FIXED_DESIGN, Parameter, Problem
from study.spec.status import StudyStatus

TREATMENT = "the prior"
BASELINE = "no prior, tuned"
ORIGINAL = "the original setting"

COMPARED = ("fid", "kid", "time_per_iteration_s", "time_total_s", "time_to_quality_s")
"""The metrics that are compared; the first one is the quality that the verdict leads with."""


def is_confirmed(settings: StudySettings) -> bool:
    """Return whether a confirmation follows the search; without a prior there is none to judge."""
    return settings.confirm_top > 0 and PRIORS[settings.run.prior].restores


def confirmation_s(settings: StudySettings, cost: Cost) -> float:
    """Return the seconds that a confirmation will take, if no two conditions coincide."""
    epochs = settings.run.epochs
    runs = (2 * settings.confirm_top + 2) * settings.confirm_seeds
    runs_s = runs * cost.trial_s(epochs, _eval_every(settings))
    # of the baseline's search about half is stopped early
    search_s = _baseline_trials(settings) * cost.trial_s(epochs / 2, settings.run.eval_every)
    return (runs_s + search_s) / settings.plan.slots


def _eval_every(settings: StudySettings) -> int:
    """Return the epochs between evaluations: four of them can be read at equal time."""
    return max(1, settings.run.epochs // 4)


def _baseline_trials(settings: StudySettings) -> int:
    """Return the trials of the baseline's search: for one parameter a fifth of three's."""
    return max(6, settings.plan.num_samples // 5)


def confirm(session: Session, study: StudyRecord) -> StudyStatus:
    """Tune the baseline, run all conditions and write ``confirm.csv``; return how it ended."""
    settings, console = session.settings, session.console
    finalists = study.finalists(settings.confirm_top)
    console.print("confirmation; first the baseline without prior gets a search of its own")
    status, baseline = _tune_baseline(session, study, finalists)
    if baseline is None:
        return status
    conditions, pairs = design(settings, finalists, baseline)
    runs = len(conditions) * settings.confirm_seeds
    console.print(f"{', '.join(conditions)}: {settings.confirm_seeds} seeds each, {runs} runs")
    status = _run_conditions(session, study, conditions, pairs)
    done = load_study(study.folder).confirmation
    assert done is not None
    write_comparisons(study, done)
    return status


def write_comparisons(study: StudyRecord, done: StudyRecord) -> None:
    """Write ``confirm.csv``: the verdict, then a line per pair and metric."""
    lines = table(comparisons(done))
    verdict = {"metric": "verdict", "result": verdict_text(done)}
    frame = pd.DataFrame([verdict, *lines], columns=list(lines[0]))
    write_text(study.folder / CONFIRM_FILE, frame.to_csv(index=False))


def design(
    settings: StudySettings, finalists: list[TrialRecord], baseline: TrialRecord
) -> tuple[dict[str, Point], list[tuple[str, str]]]:
    """Return the conditions by name, with all parameters but the seed, and the pairs compared."""
    prior = settings.run.prior
    first = finalists[0].parameters
    unaided: Point = {**first, **baseline.parameters, "prior": "none"}
    conditions, pairs = {BASELINE: unaided}, []
    for place, finalist in enumerate(finalists):
        name = "the best trial" if place == 0 else f"finalist {place + 1}"
        conditions[name] = {**finalist.parameters, "prior": prior}
        pairs.append((name, BASELINE))
        twin: Point = {**finalist.parameters, "prior": "none"}
        if twin != unaided:
            twin_name = f"no prior, as {name}"
            conditions[twin_name] = twin
            pairs.append((name, twin_name))
    original = {k: v for k, v in original_setting(settings).items() if k in first}
    conditions[ORIGINAL] = {**original, "prior": prior}
    pairs.append((ORIGINAL, BASELINE))
    return conditions, pairs


def _tune_baseline(
    session: Session, study: StudyRecord, finalists: list[TrialRecord]
) -> tuple[StudyStatus, TrialRecord | None]:
    """Search without prior, finalists' settings first; return how it ended and the best trial."""
    settings = session.settings
    bare = dataclasses.replace(settings, run=dataclasses.replace(settings.run, prior="none"))
    problem = describe(bare)
    names = [p.name for p in problem.parameters]
    points = [{name: t.parameters[name] for name in names} for t in finalists]
    points += [point for point in problem.start_points if point not in points]
    problem = dataclasses.replace(problem, start_points=tuple(points))
    path = study.folder / BASELINE_FOLDER
    plan = dataclasses.replace(
        settings.plan,
        name=f"{study.name}-{BASELINE_FOLDER}",
        num_samples=max(_baseline_trials(settings), trials_with(path, points)),
        time_budget_s=None,
    )
    folder = _part(study, BASELINE_FOLDER, problem, plan, {})
    with folder:
        status = session.run_trials(trainable(bare, session.features), plan, folder)
    return status, load_study(path).best if status != StudyStatus.INTERRUPTED else None


def _run_conditions(
    session: Session,
    study: StudyRecord,
    conditions: dict[str, Point],
    pairs: list[tuple[str, str]],
) -> StudyStatus:
    """Run each condition with each seed, scored on the test split; return how it ended."""
    settings = session.settings
    run = dataclasses.replace(settings.run, score_split="test", eval_every=_eval_every(settings))
    settings = dataclasses.replace(settings, run=run)
    seeds = [settings.plan.seed + 1 + i for i in range(settings.confirm_seeds)]
    points = fixed_design(conditions.values(), seeds)
    problem = describe_trials(settings, _parameters(settings), tuple(points))
    whole = max(1.0, settings.plan.gpus_per_trial) if settings.plan.gpus_per_trial else 0.0
    slots = settings.capacity.slots(settings.plan.cpus_per_trial, whole, None)
    plan = dataclasses.replace(
        settings.plan,
        name=f"{study.name}-{CONFIRM_FOLDER}",
        num_samples=trials_with(study.folder / CONFIRM_FOLDER, points),
        sampler=FIXED_DESIGN,
        scheduler="none",
        time_budget_s=None,
        gpus_per_trial=whole,
        slots=min(settings.plan.slots, slots),
    )
    info = {
        "conditions": {name: {"parameters": point} for name, point in conditions.items()},
        "pairs": pairs,
        "compared": COMPARED,
        "time_axis": "time_total_s",
        "treatment": TREATMENT,
    }
    folder = _part(study, CONFIRM_FOLDER, problem, plan, info)
    with folder:
        return session.run_trials(trainable(settings, session.features), plan, folder)


def _parameters(settings: StudySettings) -> tuple[Parameter, ...]:
    """Return what is searched, widened to the original's setting, and the prior and the seed."""
    original = original_setting(settings)
    searched = [
        dataclasses.replace(
            p, low=min(p.low, float(original[p.name])), high=max(p.high, float(original[p.name]))
        )
        for p in describe(settings).parameters
    ]
    choices = (settings.run.prior, "none")
    # whether a prior changes the work of a step is what the confirmation asks
    prior = Parameter("prior", "prior", choices=choices, affects=MEASURED_WORK)
    return (*searched, prior, Parameter("seed", "seed", 0, 2**32 - 1, step=1))


def _part(
    study: StudyRecord, name: str, problem: Problem, plan: Plan, info: dict[str, Any]
) -> ResultsFolder:
    """Open the folder of a part of the study, new or as an earlier session left it."""
    settings = {"settings": {"plan": dataclasses.asdict(plan)}}
    return ResultsFolder.open(study.folder, name, problem, info | settings)
