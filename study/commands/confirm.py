"""Confirmation: finalists, the original report's setting and the baseline, with fresh seeds.

The best of many noisy trials looks better than it is (winner's curse). So each condition is run
anew at full length, alone on its device, and scored on images that the search never scored on. The
baseline's own learning rate is searched first, with as many trials; beside it each setting has a
twin without prior. All learn from as many images in as many steps.

Seeds come in groups, and each comparison stops when it is decided
(:mod:`study.analysis.sequential`).
"""

import dataclasses
import functools
from typing import Any

import pandas as pd

from dipddpm.features import Features
from dipddpm.priors import PRIORS
from study.analysis.comparison import comparisons, table
from study.analysis.conditions import Point, fixed_design, trials_with
from study.analysis.sequential import Looks
from study.analysis.verdict import seeds_wanted, verdict_of
from study.commands.session import Session
from study.engine.plan import Plan
from study.page.verdict_text import verdict_text
from study.problem.cost import Cost
from study.problem.definition import describe, describe_trials, original_setting
from study.problem.films import write_films
from study.problem.metrics import JUDGE, MEASURED_WORK, SECOND_JUDGE, without_prior
from study.problem.search_space import SEARCHABLE
from study.problem.settings import StudySettings
from study.problem.trainable import trainable
from study.results.files import write_json, write_text
from study.results.folder import (
    BASELINE_FOLDER,
    CONFIRM_FILE,
    CONFIRM_FOLDER,
    VERDICT_FILE,
    ResultsFolder,
)
from study.results.records import StudyRecord, TrialRecord, load_study
from study.spec.problem import FIXED_DESIGN, Parameter, Problem
from study.spec.seeds import confirmation_seeds
from study.spec.status import StudyStatus

TREATMENT = "the prior"
BASELINE = "no prior, tuned"
ORIGINAL = "the original setting"

COMPARED = (JUDGE, "time_per_iteration_s", "time_total_s", "time_to_quality_s")
"""The metrics that are compared; the first one is the quality that the verdict leads with.

It is measured on clean images in every regime. What has chosen the settings may be another one.
"""

USUAL_SEEDS = 9
"""The seeds after which most comparisons that lead are decided, for the estimate of the time."""


def is_confirmed(settings: StudySettings) -> bool:
    """Return whether a confirmation follows the search; without a prior there is none to judge."""
    return settings.confirm_top > 0 and PRIORS[settings.run.prior].restores


def confirmation_s(settings: StudySettings, cost: Cost, most: bool = False) -> tuple[float, float]:
    """Return the seconds that the baseline's search and the confirming runs usually take.

    They are seconds of trials, which run side by side, if no two conditions coincide.

    Args:
        most: no trial of the search is stopped early, and all seeds are run.
    """
    epochs = settings.run.epochs
    looks = Looks.up_to(settings.confirm_seeds).planned
    leading = settings.confirm_seeds if most else min(settings.confirm_seeds, USUAL_SEEDS)
    others, bare = settings.confirm_top * looks[:2][-1], cost.without_prior()
    run_s, bare_s = (each.trial_s(epochs, epochs / _eval_every(settings)) for each in (cost, bare))
    # three conditions lead: the best trial, its twin and the baseline; the last two have no prior
    runs_s = (leading + others) * run_s + (2 * leading + others) * bare_s
    spent = epochs if most else settings.expected_epochs
    search_s = settings.plan.num_samples * bare.trial_s(spent, settings.evaluations(spent))
    return search_s, runs_s


def whole_gpus(plan: Plan) -> float:
    """Return the GPUs of each confirming run, which shares none."""
    return max(1.0, plan.gpus_per_trial) if plan.gpus_per_trial else 0.0


def confirmation_slots(settings: StudySettings) -> int:
    """Return how many confirming runs are made at once."""
    plan, capacity = settings.plan, settings.capacity
    return min(plan.slots, capacity.slots(plan.cpus_per_trial, whole_gpus(plan), None))


def like_with_like(settings: StudySettings, available: int) -> StudySettings:
    """Return the settings with the training images that all conditions have.

    A prior that fits each image alone makes few. Its DDPM would have fewer steps in an epoch than
    the baseline's, and see other images.

    Args:
        available: training images of the data set.
    """
    size = PRIORS[settings.run.prior].num_images(settings.run, available)
    return dataclasses.replace(settings, run=dataclasses.replace(settings.run, train_size=size))


def _eval_every(settings: StudySettings) -> int:
    """Return the epochs between evaluations: four of them can be read at equal time."""
    return max(1, settings.run.epochs // 4)


def confirm(session: Session, study: StudyRecord) -> StudyStatus:
    """Tune the baseline, run all conditions and write the verdict; return how it ended."""
    console = session.console
    settings = like_with_like(session.settings, len(session.dataset.train))
    finalists = study.finalists(settings.confirm_top)
    console.print("confirmation; first the baseline without prior gets a search of its own")
    status, baseline = _tune_baseline(session, settings, study, finalists)
    if baseline is None:
        return status
    conditions, pairs = design(settings, finalists, baseline)
    return _run_conditions(session, settings, study, conditions, pairs)


def write_comparisons(study: StudyRecord, done: StudyRecord) -> None:
    """Write ``verdict.json``, and ``confirm.csv`` with a line per comparison."""
    verdict = {"text": verdict_text(done), **verdict_of(done).to_json()}
    write_json(study.folder / VERDICT_FILE, verdict)
    frame = pd.DataFrame(table(comparisons(done)))
    write_text(study.folder / CONFIRM_FILE, frame.to_csv(index=False))


def design(
    settings: StudySettings, finalists: list[TrialRecord], baseline: TrialRecord
) -> tuple[dict[str, Point], list[tuple[str, str]]]:
    """Return the conditions by name, with all parameters but the seed, and the pairs compared."""
    prior = settings.run.prior
    first = finalists[0].parameters
    alone = {n: SEARCHABLE[n].value(settings.run) for n in first if SEARCHABLE[n].needs_prior}
    unaided: Point = {**first, **alone, **baseline.parameters, "prior": "none"}
    conditions, pairs = {BASELINE: unaided}, []
    settings_to_judge = {
        "the best trial" if place == 0 else f"finalist {place + 1}": finalist.parameters
        for place, finalist in enumerate(finalists)
    }
    original: Point = {k: v for k, v in original_setting(settings).items() if k in first}
    settings_to_judge[ORIGINAL] = original
    for name, setting in settings_to_judge.items():
        conditions[name] = {**setting, "prior": prior}
        pairs.append((name, BASELINE))
        twin: Point = {**setting, "prior": "none"}
        same = next((other for other, point in conditions.items() if point == twin), None)
        if same is None:
            same = f"no prior, as {name}"
            conditions[same] = twin
        if same != BASELINE:
            pairs.append((name, same))
    return conditions, pairs


def idle(point: Point, prior: str) -> list[str]:
    """Return the parameters of a condition that do nothing there: a prior's, where it is none."""
    return sorted(PRIORS[prior].parameters & set(point)) if point["prior"] == "none" else []


def _tune_baseline(
    session: Session,
    settings: StudySettings,
    study: StudyRecord,
    finalists: list[TrialRecord],
) -> tuple[StudyStatus, TrialRecord | None]:
    """Search without prior, finalists' settings first; return how it ended and the best trial."""
    bare = dataclasses.replace(
        settings,
        run=dataclasses.replace(settings.run, prior="none"),
        objectives=without_prior(settings.objectives, settings.run.regime),
    )
    problem = describe(bare)
    names = [p.name for p in problem.parameters]
    points: list[Point] = []
    for point in (*(t.parameters for t in finalists), *problem.start_points):
        shared = {name: point[name] for name in names}
        if shared not in points:
            points.append(shared)
    problem = dataclasses.replace(problem, start_points=tuple(points))
    path = study.folder / BASELINE_FOLDER
    plan = dataclasses.replace(
        settings.plan,
        name=f"{study.name}-{BASELINE_FOLDER}",
        num_samples=max(settings.plan.num_samples, trials_with(path, points)),
        time_budget_s=None,
    )
    folder = _part(study, BASELINE_FOLDER, problem, plan, {})
    with folder:
        status = session.run_trials(trainable(bare, session.features), plan, folder)
    return status, load_study(path).best if status != StudyStatus.INTERRUPTED else None


def _run_conditions(
    session: Session,
    settings: StudySettings,
    study: StudyRecord,
    conditions: dict[str, Point],
    pairs: list[tuple[str, str]],
) -> StudyStatus:
    """Run the conditions in groups of seeds until all is decided; return how it ended.

    They are scored on the test split. The verdict is written after each group.
    """
    run = dataclasses.replace(settings.run, score_split="test", eval_every=_eval_every(settings))
    objectives = without_prior(settings.objectives, run.regime)  # some of the runs have none
    plan = dataclasses.replace(settings.plan, scheduler="none")
    settings = dataclasses.replace(settings, run=run, plan=plan, objectives=objectives)
    looks, most = _looks(study, settings.confirm_seeds), settings.confirm_seeds
    info = {
        "conditions": {
            name: {"parameters": point, "idle": idle(point, settings.run.prior)}
            for name, point in conditions.items()
        },
        "pairs": pairs,
        "chosen_by": study.problem.objectives[0],
        "compared": COMPARED,
        "second_judges": _second_judges(study, session.features),
        "time_axis": "time_total_s",
        "treatment": TREATMENT,
        "looks": looks.planned,
        "tuning": {BASELINE: settings.plan.num_samples, "the best trial": len(study.trials)},
    }
    counts = dict.fromkeys(conditions, looks.planned[0])
    while True:
        seeds = confirmation_seeds(settings.plan.seed, max(counts.values()))
        session.console.print(
            "seeds: " + ", ".join(f"{name} {count}" for name, count in counts.items())
        )
        points = [
            point
            for number, seed in enumerate(seeds)
            for point in fixed_design(
                [conditions[name] for name, count in counts.items() if count > number], [seed]
            )
        ]
        status = _run_group(session, settings, study, points, info)
        done = load_study(study.folder).confirmation
        assert done is not None
        write_comparisons(study, done)
        wanted = {name: max(counts[name], n) for name, n in seeds_wanted(done, most).items()}
        if status == StudyStatus.INTERRUPTED or wanted == counts:
            return status
        counts = wanted


def _looks(study: StudyRecord, most: int) -> Looks:
    """Return the looks that a confirmation began with, or those of a new one."""
    begun = study.confirmation.info.get("looks") if study.confirmation else None
    return Looks(tuple(begun)) if begun else Looks.up_to(most)


def _second_judges(study: StudyRecord, features: Features) -> list[str]:
    """Return the second measures that a confirmation began with, or those of a new one."""
    if study.confirmation:
        return list(study.confirmation.info.get("second_judges", ()))
    return [SECOND_JUDGE] if features.second else []


def _run_group(
    session: Session,
    settings: StudySettings,
    study: StudyRecord,
    points: list[Point],
    info: dict[str, Any],
) -> StudyStatus:
    """Run those of the points that have not been run yet; return how it ended."""
    problem = describe_trials(settings, _parameters(settings), tuple(points))
    plan = dataclasses.replace(
        settings.plan,
        name=f"{study.name}-{CONFIRM_FOLDER}",
        num_samples=trials_with(study.folder / CONFIRM_FOLDER, points),
        sampler=FIXED_DESIGN,
        time_budget_s=None,
        gpus_per_trial=whole_gpus(settings.plan),
        slots=confirmation_slots(settings),
    )
    folder = _part(study, CONFIRM_FOLDER, problem, plan, info)
    with folder:
        films = functools.partial(write_films, seed=confirmation_seeds(settings.plan.seed, 1)[0])
        return session.run_trials(trainable(settings, session.features, films), plan, folder)


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
