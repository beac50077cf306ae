"""The plots of a study's page: which figure stands where, under which title, with which words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from study.analysis import search
from study.page import figures
from study.page.anytime_figure import searched
from study.page.tradeoff_figures import costs
from study.results.records import StudyRecord

ANYTIME = "anytime"
"""The name, in the page, of the trade-off over the seconds so far."""


@dataclass(frozen=True)
class Plot:
    """A figure of the page, and what stands around it.

    Attributes:
        name: its id in the page.
        section: the part of the page in which it stands, after those that :data:`FIGURES` names
            before it.
        make: draws it; None where the study has nothing that it could show.
        title: its heading, if it has one of its own.
        note: what to know in order to read it, beneath it.
        instead: what stands in its place where it is None; without it, nothing does.
        low: whether it is less tall than others.
        wide: whether it scrolls sideways on a narrow screen.
    """

    name: str
    section: Literal["verdict", "tradeoff", "search", "parameters"]
    make: Callable[[StudyRecord], go.Figure | None]
    title: str = ""
    note: str = ""
    instead: str = ""
    low: bool = False
    wide: bool = False


def _confirmed(study: StudyRecord) -> go.Figure | None:
    return figures.confirmed(study) if study.confirmation else None


def _importance(study: StudyRecord) -> go.Figure | None:
    found = search.importances(study)
    return figures.importance(study, found) if found else None


def _history(study: StudyRecord) -> go.Figure | None:
    return figures.history(study) if study.searched else None


def _hypervolume(study: StudyRecord) -> go.Figure | None:
    return figures.hypervolume(study) if study.searched else None


FIGURES = (
    Plot(
        "confirmed",
        "verdict",
        _confirmed,
        note="Left of 1 is less; within the grey band two values count as equal.",
    ),
    Plot(
        "curves",
        "tradeoff",
        figures.learning_curves,
        "Learning curves",
        note="A line per trial, the selected one's is thick. Upright lines: where trials were "
        "compared.",
    ),
    Plot("history", "search", _history, "Best so far", low=True),
    Plot("hypervolume", "search", _hypervolume, "Hypervolume", low=True),
    Plot(
        "correlation",
        "search",
        figures.rank_correlation,
        "Does an early score tell the final order?",
        note="Spearman's ρ; 1 is the final order, and near 0 an early score says little. It rests "
        "on completed trials: those that a rung stopped, often the worst, would raise it.",
        low=True,
    ),
    Plot("timeline", "search", figures.timeline, "Who ran when", low=True),
    Plot(
        "waterfall",
        "parameters",
        figures.waterfall,
        "What each change bought",
        note="One setting at a time, the one that gains most first. The changes are estimates by a "
        "model of this search's trials (a Gaussian process), with 95 % intervals.",
        instead="Needs a reference setting inside of the searched ranges, and trials enough for a "
        "model that tells those left out.",
        wide=True,
    ),
    Plot(
        "sensitivity",
        "parameters",
        figures.sensitivity,
        "What decides the quality",
        note="By the same model, the other settings as in the best trial. Where an interval "
        "holds 1, the effect is not sure.",
        low=True,
        wide=True,
    ),
    Plot(
        "importance",
        "parameters",
        _importance,
        "Importance: a hint",
        note="The share of the variance over the search's trials that each parameter explains "
        "(fANOVA). A search dwells where it is good, so take it as a hint, the more so the fewer "
        "trials it rests on.",
        instead="Too few trials to say, or nothing was searched.",
        low=True,
    ),
    Plot("pairs", "parameters", figures.pairs, "Two parameters at a time", wide=True),
    Plot("slices", "parameters", figures.slices, "One parameter at a time", low=True, wide=True),
    Plot("parallel", "parameters", figures.parallel, "All together", low=True, wide=True),
)
"""The figures of the page besides the trade-off, which can be drawn against several costs."""


def tradeoffs(study: StudyRecord) -> Iterator[tuple[str, str, go.Figure]]:
    """Yield the name, the label and the figure of each trade-off, the one shown first first."""
    if study.searched and searched(study):
        yield ANYTIME, "seconds so far", figures.anytime(study)
    for cost in costs(study):
        is_noise = study.problem.is_noise(cost.name)
        label = f"{cost.label} — noise: no searched setting changes it" if is_noise else cost.label
        yield cost.name, label, figures.tradeoff(study, cost.name)
