"""What the replication leaves: tables, and a page with the verdicts, figures and pictures.

Needs neither Ray nor torch: all of it is drawn from the results folder.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from study.page.dashboard import figure_json, render
from study.page.interval_axis import axis_of
from study.page.numbers import short
from study.page.page_file import write_page
from study.page.pictures import data_uri
from study.problem.published import (
    ORIGINAL_DIP_STEPS,
    ORIGINAL_STEPS_PER_EPOCH,
    PUBLISHED_COMBINED,
)
from study.replication import (
    claim_figures,
    crossing_map,
    evidence_figures,
    squares,
    suspects,
    variants,
)
from study.replication.claim_table import claim_rows, tally
from study.replication.claim_text import details_text, loader_text
from study.replication.claims import Judged, judge, table
from study.replication.condition_names import (
    AS_REPORTED,
    COMBINED,
    CONTROLLED,
    DIP_ALONE,
    INDEXED,
    PARAMETER,
    as_reported_name,
    setting_name,
)
from study.replication.condition_table import DIP_ALONE_IN, conditions_table
from study.replication.evidence import Evidence, load_evidence
from study.replication.loader_effect import loader_effect
from study.replication.squares import Difference
from study.replication.suspect_table import suspect_groups
from study.replication.suspects import crossed_effects
from study.replication.variants import Variant
from study.results.files import write_text
from study.results.folder import (
    CLAIMS_FILE,
    CONDITIONS_FILE,
    CROSSING_FILE,
    DASHBOARD_FILE,
    EXTRA_SCORES_FILE,
    REPLICATION_FILE,
    SQUARES_FILE,
    SUSPECTS_FILE,
    VARIANTS_FILE,
)
from study.results.records import StudyRecord

LABELS = {
    "condition": "condition",
    "n": "seeds",
    "time_per_iteration_s": "s per epoch",
    "published_per_iteration_s": "original report: s per epoch",
    "dip_time_s": "DIP, s",
    "train_time_s": "DDPM, s (the original's total)",
    "published_total_s": "original report: total, s",
    "time_total_s": "total, DIP counted, s",
    "fid": "FID",
    "fid_floor": "FID floor",
    "fid_noise": "FID of noise",
    "fid_second": "FID (second network)",
    "fid_second_floor": "its floor",
    "kid": "KID",
    "precision": "precision",
    "recall": "recall",
    "contrast": "contrast (real = 1)",
    "nearest_train": "distance to training set (real = 1)",
    "nearest_source": "distance to start images (real = 1)",
    "dip_psnr": "PSNR after DIP, dB",
    "scored_images": "images scored",
    "published_says": "original report: what it saw",
}
"""The columns that the page shows, in order."""


def is_replication(study: StudyRecord) -> bool:
    """Return whether a study is one of the original report's experiments, with a page of its own.

    Those that version 0.1 wrote are not: their tables have other columns.
    """
    begun = "conditions" in study.info  # which it knows before its first run
    return begun and any(parameter.name == PARAMETER for parameter in study.problem.parameters)


def write(folder: Path, warn: Callable[[str], None] | None = None) -> tuple[Evidence, list[Judged]]:
    """Write all files that follow from a replication, as far as it has come.

    Args:
        warn: called with one line if the page cannot be drawn; without it the error is raised.
    """
    evidence = load_evidence(folder)
    judged = judge(evidence)
    conditions = conditions_table(evidence)
    extra_scores = [
        {"condition": name, "seed": seed, **line}
        for (name, seed), lines in evidence.extra_scores.items()
        for line in lines
    ]
    scale = scale_text(evidence)
    for name, lines in (
        (CLAIMS_FILE, table(judged)),
        (SUSPECTS_FILE, suspects.table(crossed_effects(evidence))),
        (VARIANTS_FILE, variants.table(variants.variants(evidence))),
        (SQUARES_FILE, squares.table(squares.squares(evidence))),
        (CONDITIONS_FILE, conditions),
        (EXTRA_SCORES_FILE, extra_scores),
    ):
        stated = [{**line, "scale": scale} for line in lines]
        write_text(folder / name, pd.DataFrame(stated).to_csv(index=False))
    write_page(folder / REPLICATION_FILE, lambda: page(evidence, judged, conditions), warn)
    return evidence, judged


def scale_text(evidence: Evidence) -> str:
    """Return at what scale all of it was run."""
    info = evidence.study.info
    plans, size = info["conditions"], info["train_images"]
    sizes = {CONTROLLED: size, AS_REPORTED: info.get("train_images_as_reported", size)}

    def steps(name: str) -> str:
        run = plans[name]["settings"]
        images, batch = sizes[plans[name]["kind"]], run["batch_size"]
        # a loader of the original's keeps the last, smaller batch
        batches = images // batch if run["loader"] == INDEXED else math.ceil(images / batch)
        return f"{batches * run['epochs']} DDPM steps of {batch}"

    first = as_reported_name(setting_name(*PUBLISHED_COMBINED[0][0]))
    run = plans[first]["settings"]
    as_many = sizes[AS_REPORTED] == size
    more = "" if as_many else f" ({sizes[AS_REPORTED]} {AS_REPORTED})"
    hardware = [session.get("hardware") for session in info.get("sessions", ())]
    machines = dict.fromkeys(_machine(each or info["hardware"]) for each in hardware or [None])
    text = (
        f"{run['dataset']}, {size} training images{more}, {run['dip_steps']} DIP steps, "
        f"{run['epochs']} "
        f"epochs ({AS_REPORTED}: {steps(first)}, one seed; controlled: {steps(COMBINED)}, "
        f"{_seeds(evidence)} seeds); {' and, in other sessions, '.join(machines)}. "
        f"The original report: mnist, 60000 images, {ORIGINAL_DIP_STEPS} "
        f"DIP steps, 20 epochs ({20 * ORIGINAL_STEPS_PER_EPOCH} DDPM steps of 128)."
    )
    if run["dip_steps"] < ORIGINAL_DIP_STEPS:
        text += (
            " With fewer DIP steps a low DIP learning rate is fitted less far than the original's."
        )
    if run["denoiser"] != "original":
        text += (
            " The original's denoiser needs 28×28 images; here the compact one, its input "
            "normalised too, stands in for it."
        )
    return text


def _machine(hardware: Mapping[str, Any]) -> str:
    gpus = ", ".join(hardware["gpus"]) or "no GPU"
    return f"{hardware['cores']} cores of {hardware['cpu']}, {gpus}"


def _seeds(evidence: Evidence) -> str:
    """Return how many seeds the controlled conditions have: ``5``, or ``4 to 5``."""
    plans = evidence.study.info["conditions"].items()
    names = [name for name, about in plans if about["kind"] == CONTROLLED]
    counts = {len(evidence.conditions[name].trials) for name in names}
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def page(
    evidence: Evidence, judged: Sequence[Judged], conditions: Sequence[Mapping[str, Any]]
) -> str:
    """Return the page as HTML, with plotly.js and the pictures inside."""
    study, loader = evidence.study, loader_effect(evidence)
    made, pictures = dict[str, go.Figure](), _pictures(evidence)
    claims = claim_rows(judged, [condition["name"] for condition in pictures])
    rows = [row for claim in claims for row in claim.rows]
    crossed = suspect_groups(crossed_effects(evidence), study.problem)
    if evidence.extra_scores:
        made["steps"] = claim_figures.reverse_steps(evidence)
    if loader:
        made["loaders"] = claim_figures.loaders(loader)
    made |= {
        name: figure
        for name, draw in (
            ("curves", evidence_figures.learning_curves),
            ("prior", evidence_figures.prior_quality),
            ("seconds", evidence_figures.seconds_of_drawing),
        )
        if (figure := draw(evidence)) is not None
    }
    crossing = crossing_map.read(study.folder / CROSSING_FILE)
    if crossing:
        made["crossing"] = crossing_map.figure(crossing)
    columns = {k: label for k, label in LABELS.items() if any(line.get(k) for line in conditions)}
    return render(
        "replication.html.jinja",
        study=study,
        scale=scale_text(evidence),
        tally=tally(judged),
        claims=claims,
        axis=axis_of(end for row in rows for end in (row.low, row.high)),
        told=[(each, details_text(each)) for each in judged],
        loader=loader_text(loader) if loader else None,
        suspects=crossed,
        suspects_axis=axis_of(e for group in crossed for r in group.rows for e in (r.low, r.high)),
        crossing=crossing_map.sentences(crossing) if crossing else [],
        variants=[_variant_cells(each) for each in variants.variants(evidence)],
        squares=[_square_cells(each) for each in squares.squares(evidence)],
        conditions=[[_cell(line.get(name)) for name in columns] for line in conditions],
        columns=list(columns.values()),
        pictures=pictures,
        figures={name: figure_json(figure) for name, figure in made.items()},
        dashboard=DASHBOARD_FILE,
    )


def _variant_cells(found: Variant) -> list[str]:
    """Return the cells of a variant of drawing."""
    effect, ratio, n = found.effect, "", ""
    if effect:
        ratio, n = f"{effect.ratio:.3g} [{effect.low:.3g}, {effect.high:.3g}]", str(effect.n)
    distances = (found.nearest_source, found.nearest_train)
    figures = (found.fid, ratio, *distances, found.sample_s, found.with_dip_s)
    return [found.name, *map(_cell, figures), n]


def _square_cells(found: Difference) -> list[str]:
    """Return the cells of a question about samples without a digit."""
    shares = (f"{found.share:.0%}", f"{found.other:.0%}", f"[{found.low:.0%}, {found.high:.0%}]")
    return [found.question, *shares, str(found.n), found.answer]


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return short(value)


def _pictures(evidence: Evidence) -> list[dict[str, Any]]:
    """Return what the first seed of each condition left to look at, stage by stage."""
    shown, plans = [], evidence.study.info["conditions"]
    for name, condition in evidence.conditions.items():
        settings = plans[name]["settings"]
        as_they_are = (settings["prior"], settings["regime"]) == ("none", "clean")
        for seed, trial in list(condition.trials.items())[:1]:
            stages = {
                stage.name: (stage.label, data_uri(trial.pictures[stage.name]))
                for stage in evidence.study.problem.stages
                if stage.name in trial.pictures and not (stage.name == "prior" and as_they_are)
            }
            command = evidence.study.rerun_command(trial)
            about = {"seed": seed, "command": command}
            if name == as_reported_name(DIP_ALONE):
                stages.pop("samples", None)  # of a DDPM that has hardly been trained
            elif name in DIP_ALONE_IN:
                dip = [stages.pop(stage) for stage in ("noisy", "restored") if stage in stages]
                shown.append({"name": DIP_ALONE, "stages": dip, **about})
            shown.append({"name": name, "stages": list(stages.values()), **about})
    return shown
