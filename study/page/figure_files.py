"""All figures of a study as files, for a paper or a talk: SVG and PNG."""

from pathlib import Path

import plotly.graph_objects as go

from study.page.plots import FIGURES, tradeoffs
from study.results.records import StudyRecord
from study.spec.errors import MachineError

WIDTH, HEIGHT, LOW_HEIGHT = 900, 420, 300
"""Pixels, as on a wide screen; a PNG has twice as many each way."""


def figures_by_name(study: StudyRecord) -> dict[str, go.Figure]:
    """Return every figure of the page that the study has, on white."""
    found = {f"tradeoff-{name}": figure for name, _, figure in tradeoffs(study)}
    for figure in found.values():
        figure.update_layout(height=HEIGHT)
    for plot in FIGURES:
        if (figure := plot.make(study)) is not None:
            found[plot.name] = figure.update_layout(height=LOW_HEIGHT if plot.low else HEIGHT)
    return {name: f.update_layout(paper_bgcolor="white") for name, f in found.items()}


def write_figures(study: StudyRecord, folder: Path) -> list[Path]:
    """Write all figures as ``NAME.svg`` and ``NAME.png``; return their paths.

    A browser draws them, out of sight and without a network.

    Raises:
        MachineError: kaleido, or the browser that it drives, is not installed.
    """
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ImportError as error:
        raise _missing("the package kaleido") from error
    folder.mkdir(parents=True, exist_ok=True)
    specs = [
        {
            "fig": figure.to_dict(),
            "path": folder / f"{name}.{format_}",
            "opts": {
                "format": format_,
                "width": WIDTH,
                "height": figure.layout.height,
                "scale": 2 if format_ == "png" else 1,
            },
        }
        for name, figure in figures_by_name(study).items()
        for format_ in ("svg", "png")
    ]
    try:
        kaleido.write_fig_from_object_sync(specs, kopts={"mathjax": False})
    except ChromeNotFoundError as error:
        raise _missing("Chrome or Chromium") from error
    return [Path(str(spec["path"])) for spec in specs]


def _missing(what: str) -> MachineError:
    return MachineError(
        f"--figures needs {what}: pip install 'dip-ddpm-study[figures]', and a browser of your "
        "system; or save each figure by its buttons in the page"
    )
