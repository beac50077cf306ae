"""The dashboard: one HTML file, offline. ``python study/dashboard.py results/NAME`` redraws it."""

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from study import figures
from study.description import Description
from study.records import StudyRecord, TrialRecord, load_study
from study.results import DASHBOARD_FILE, write_text
from study.verdict import verdict

FIGURES = {"tradeoff": figures.tradeoff, "curves": figures.learning_curves}
CONFIRMED = {"confirmed": figures.confirmed}
"""Figures of a study that has a confirmation."""


def draw(study: StudyRecord) -> str:
    """The page as HTML, with plotly.js and all pictures inside."""
    environment = Environment(
        loader=PackageLoader("study"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {}  # keep the order of scores and settings
    chosen = study.best or next(iter(study.trials), None)
    return environment.get_template("dashboard.html.jinja").render(
        study=study,
        plotly_js=get_plotlyjs(),
        figures={
            name: _figure_json(make(study))
            for name, make in {**FIGURES, **(CONFIRMED if study.confirmation else {})}.items()
        },
        trials=[_trial_json(study, trial) for trial in study.trials],
        better=_better_corner(study.description),
        chosen=chosen.trial_id if chosen else None,
        stages=[{"name": s.name, "label": s.label} for s in study.description.stages],
        verdict=verdict(study.confirmation) if study.confirmation else None,
        settings=json.dumps(study.info.get("settings", {}), indent=2),
    )


def _better_corner(description: Description) -> str:
    """Where the good trials are in the trade-off, in words."""
    vertical = "lower" if description.directions[0] == "min" else "higher"
    if len(description.objectives) == 1:
        return f"{vertical} is better"
    return f"{vertical} {'left' if description.directions[1] == 'min' else 'right'} is better"


def _figure_json(figure: go.Figure) -> Any:
    return json.loads(figure.to_json())


def _trial_json(study: StudyRecord, trial: TrialRecord) -> dict[str, Any]:
    """What the page shows of a selected trial."""
    metrics = {m.name: m for m in study.description.metrics}
    return {
        "id": trial.trial_id,
        "number": trial.number,
        "ended": f"{trial.status}: {trial.stop_reason}" if trial.stop_reason else trial.status,
        "parameters": {
            p.label: f"{trial.parameters[p.name]:.4g}" for p in study.description.parameters
        },
        "metrics": {
            metrics[name].label: _format(value, metrics[name].unit)
            for name, value in trial.metrics.items()
        },
        "command": study.description.rerun_command(trial.parameters),
        "pictures": {stage: _data_uri(path) for stage, path in trial.pictures.items()},
    }


def _format(value: Any, unit: str) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".rstrip()


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="study/dashboard.py",
        description="Draw a study's page again from what is on disk.",
        usage=argparse.SUPPRESS,  # so that an error is one line
    )
    parser.add_argument("folder", type=Path, help="results/NAME")
    args = parser.parse_args(argv)
    page = args.folder / DASHBOARD_FILE
    try:
        write_text(page, draw(load_study(args.folder)))
    except (OSError, ValueError, KeyError) as error:
        message = f"{args.folder} holds no study that can be drawn: {type(error).__name__}: {error}"
        print(f"study/dashboard.py: {message}", file=sys.stderr)
        return 2
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
