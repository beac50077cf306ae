"""The files that follow from a study's record."""

from collections.abc import Callable

import pandas as pd

from study.page.dashboard import draw
from study.page.page_file import write_page
from study.results.files import write_json, write_text
from study.results.folder import BEST_FILE, DASHBOARD_FILE, PARETO_FILE
from study.results.records import StudyRecord


def write_summary(study: StudyRecord, warn: Callable[[str], None] | None = None) -> None:
    """Write ``pareto.csv``, ``best.json`` (if a trial is the best) and the dashboard.

    Args:
        warn: called with one line if the dashboard cannot be drawn; without it the error is raised.
    """
    seed = study.problem.seed
    columns = ["trial_id", *study.problem.objectives, *study.problem.columns]
    front = [
        {"trial_id": t.trial_id, seed: t.seed, **t.metrics, **t.parameters} for t in study.front
    ]
    table = pd.DataFrame(front, columns=columns)
    write_text(study.folder / PARETO_FILE, table.to_csv(index=False))
    if best := study.best:
        write_json(
            study.folder / BEST_FILE,
            {
                "trial_id": best.trial_id,
                "objective": study.problem.objectives[0],
                "parameters": best.parameters,
                "seed": best.seed,
                "metrics": best.metrics,
                "command": study.rerun_command(best),
            },
        )
    write_page(study.folder / DASHBOARD_FILE, lambda: draw(study), warn)
