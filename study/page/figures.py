"""All figures of a study, by name: pure functions of its record, which need neither Ray nor torch.

Every mark that stands for a trial carries its id as ``customdata``, by which the page selects it;
what a hover shows is the page's own. The look that all share, the legend's place among it, is in
``figure_style.py``.
"""

from study.page.anytime_figure import anytime
from study.page.confirmation_figures import confirmed
from study.page.model_figures import sensitivity, waterfall
from study.page.parameter_figures import importance, pairs, parallel, slices
from study.page.search_figures import (
    history,
    hypervolume,
    learning_curves,
    rank_correlation,
    timeline,
)
from study.page.tradeoff_figures import fronts, tradeoff

__all__ = [
    "anytime",
    "confirmed",
    "fronts",
    "history",
    "hypervolume",
    "importance",
    "learning_curves",
    "pairs",
    "parallel",
    "rank_correlation",
    "sensitivity",
    "slices",
    "timeline",
    "tradeoff",
    "waterfall",
]
