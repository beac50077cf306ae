"""The files that follow from a study's record."""

import pandas as pd

from study.page.dashboard import draw
from study.results.files import write_json, write_text
from study.results.folder import BEST_FILE, DASHBOARD_FILE, PARETO_FILE
from study.results.records import StudyRecord


def write_summary(study: StudyRecord) -> None:
    """Write ``pareto.csv``, ``best.json`` (if a trial is the best) and the dashboard."""
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
    write_text(study.folder / DASHBOARD_FILE, draw(study))
