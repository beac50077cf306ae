"""``python study/reproduce.py``: the original report's experiments, as reported and controlled."""

import dataclasses
import shutil
from typing import Any

from dipddpm.cli import OneLineParser
from dipddpm.config import preset
from dipddpm.pipeline import dataset_of
from study.analysis.conditions import trials_with
from study.commands.bill import announce_cost, announce_used
from study.commands.opening import Command, execute
from study.commands.session import Session, announce_placement, announce_resumed
from study.page.summary import write_summary
from study.page.text import clock
from study.problem.arguments import FLAGS, MACHINE, SESSION, add_group, new_parser
from study.problem.cost import estimate_cost
from study.replication import step_timing
from study.replication.claim_text import claim_text, loader_text
from study.replication.condition_names import PARAMETER
from study.replication.condition_plans import original_recipe, plans_of
from study.replication.design import (
    CONTROLLED_SEEDS,
    QUICK_DATASET,
    QUICK_EPOCHS,
    as_info,
    configs_of,
    describe,
    looks_of,
    points_of,
    resolve_design,
    trainable,
)
from study.replication.evidence import load_evidence
from study.replication.loader_effect import loader_effect
from study.replication.page import scale_text, write
from study.replication.schedule import BUDGET_H, COMPACT, MOST_SEEDS, left_out, more_points
from study.results.folder import REPLICATION_FILE, TIMING_FILE
from study.results.records import load_study
from study.results.usage import hours_of_study
from study.spec.status import ENDED, StudyStatus

CALLED = {**FLAGS, "confirm_seeds": "seeds"}
"""The flags that are not called by their field."""

REPRODUCE = "study/reproduce.py"
"""What ``study.json`` calls this command."""

UNFINISHED_FOLDER = "unfinished"
"""The folder, on this machine, of the state of runs that Ray has no checkpoint of yet."""


def make_parser(prog: str = REPRODUCE) -> OneLineParser:
    """Return the parser of the flags; a flag that was not given is absent from what it parses."""
    parser = new_parser(
        prog,
        "Run the original report's experiments, as reported and controlled, and judge its claims.",
    )
    scale = (
        *("preset", "dataset", "data_dir", "image_size", "resize", "train_size"),
        *("dip_steps", "epochs"),
    )
    original = {name: getattr(preset("original"), name) for name in ("dataset", "epochs")}
    quick = {"dataset": QUICK_DATASET, "epochs": QUICK_EPOCHS}
    defaults = {
        name: f"{quick[name]}; preset original or compact: {original[name]}" for name in quick
    }
    add_group(parser, "at what scale", scale, defaults=defaults)
    meanings = {
        "confirm_seeds": "runs of each controlled condition; with --resume, more can be added; "
        "with preset compact they come in groups, up to 4, 6 and 9, until each claim is decided",
        "seed": "seed of the runs as reported; controlled ones have those that follow",
    }
    own = ("dip_width", "batch_size", "width", "ema_decay", "scored_images", "sampler_steps")
    add_group(parser, "the controlled runs; those as reported have the original's", own)
    add_group(
        parser,
        "how often",
        ("confirm_seeds", *SESSION),
        called=CALLED,
        defaults={
            "confirm_seeds": f"{CONTROLLED_SEEDS}; preset compact: {MOST_SEEDS}",
            "budget": f"none; preset compact: {BUDGET_H:g}",
        },
        meanings=meanings,
    )
    add_group(parser, "on what it runs, and where results go", MACHINE)
    return parser


def main(argv: list[str] | None = None, prog: str = REPRODUCE) -> int:
    """Run the command; return its exit status."""
    parser = make_parser(prog)
    command = Command(
        REPRODUCE,
        parser,
        CALLED,
        resolve_design,
        lambda settings, _: describe(settings),
        configs_of,
        run,
    )
    return execute(command, argv)


def run(session: Session) -> StudyStatus:
    """Announce, time the steps, run all conditions, say what was found; return how it ended."""
    settings, folder, console = session.settings, session.folder, session.console
    train_images = len(session.dataset.train)
    folder.info |= {**as_info(settings), "train_images": train_images}
    folder.info["train_images_as_reported"] = len(dataset_of(original_recipe(settings.run)).train)
    if settings.preset == COMPACT:
        folder.info.setdefault("looks", looks_of(settings).planned)
    folder.set_status(folder.info["status"])
    plan = settings.plan
    console.print(f"{folder.problem.title}: {plan.num_samples} runs, preset {settings.preset}")
    announce_resumed(session)
    announce_placement(session)
    if settings.preset == COMPACT:
        console.print(
            f"these are the runs up to the first of the looks at {folder.info['looks']} seeds; "
            "claims that are open get more seeds, then come conditions that decide none"
        )
    expected_s = announce_time(session)
    if not (folder.path / TIMING_FILE).exists():
        console.print("first the steps of all settings interleaved, with nothing beside them")
        step_timing.measure(settings, folder.path)
    unfinished = None if session.on_cluster else folder.path.resolve() / UNFINISHED_FOLDER
    train = trainable(settings, session.features, unfinished)
    status = session.run_trials(train, plan, folder, expected_s)
    while settings.preset == COMPACT and status != StudyStatus.INTERRUPTED:
        points = more_points(load_evidence(folder.path), plan.seed, settings.confirm_seeds)
        if not points:
            break
        console.print(f"{len(points)} more runs, for claims that are open or conditions left")
        folder.problem = dataclasses.replace(folder.problem, start_points=tuple(points))
        folder.info["problem"] = folder.problem.to_json()
        more = dataclasses.replace(plan, num_samples=trials_with(folder.path, points))
        status = session.run_trials(train, more, folder)
    if status != StudyStatus.INTERRUPTED:  # of failed runs
        shutil.rmtree(folder.path / UNFINISHED_FOLDER, ignore_errors=True)
    evidence, judged = write(folder.path, console.print)
    write_summary(load_study(folder.path), console.print)  # whose page links to that one
    console.print(f"scale: {scale_text(evidence)}")
    for each in judged:
        console.print(claim_text(each))
    if settings.preset == COMPACT and (missing := left_out(evidence)):
        console.print(f"left out: {'; '.join(missing)}")
    if loader := loader_effect(evidence):
        console.print(loader_text(loader))
    console.print(f"open {folder.path / REPLICATION_FILE}")
    announce_used(session)
    if status == StudyStatus.INTERRUPTED and (session.time_is_up or session.budget_is_used):
        return StudyStatus.FINISHED
    return status


def announce_time(session: Session) -> list[float]:
    """Time a few steps of each condition and say how long what is left will take.

    Return the seconds expected of each run, or those that it took if it has ended. A cluster's
    workers may differ from this machine: nothing is timed then.
    """
    settings, folder, console = session.settings, session.folder, session.console
    features = session.features  # whose training is not part of what is estimated
    if session.on_cluster:
        console.print(f"results in {folder.path}")
        return []
    console.print("timing a few steps of each condition, to tell how long all will take")
    plans, costs = plans_of(settings.run), dict[tuple[Any, ...], float]()

    def seconds(name: str) -> float:
        plan = plans[name]
        if plan.cost_key not in costs:
            cost = estimate_cost(settings, features, plan.config)
            costs[plan.cost_key] = cost.trial_s(
                plan.config.epochs, plan.config.epochs / plan.config.eval_every
            )
        return costs[plan.cost_key]

    begun = folder.read_trials()
    ended_s = {
        number: trial["ended_s"] - trial["started_s"]
        for number, trial in enumerate(begun)
        if trial["status"] in ENDED
    }
    points = [{PARAMETER: trial[PARAMETER], "seed": trial["seed"]} for trial in begun]
    points += [point for point in points_of(settings) if point not in points]
    expected_s = [
        ended_s[number] if number in ended_s else seconds(str(point[PARAMETER]))
        for number, point in enumerate(points)
    ]
    if len(ended_s) < len(points):
        left_s = sum(expected_s) - sum(ended_s.values())
        console.print(f"about {clock(left_s / settings.plan.slots)}; results in {folder.path}")
        hours = hours_of_study(folder.path) + settings.plan.hours(left_s)
        announce_cost(session, hours, hours)
    return expected_s
