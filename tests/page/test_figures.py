"""``study.plots``: the names of all figures in one module."""

import importlib
import inspect

import plotly.graph_objects as go

import study
from study.page import figures

MODULES = (
    *("anytime_figure", "confirmation_figures", "model_figures", "parameter_figures"),
    *("search_figures", "tradeoff_figures"),
)


def test_every_figure_has_its_name_among_the_plots():
    drawn = {
        name
        for module in MODULES
        for name, function in vars(importlib.import_module(f"study.page.{module}")).items()
        if inspect.isfunction(function)
        and function.__module__ == f"study.page.{module}"
        and function.__annotations__["return"] in (go.Figure, go.Figure | None)
    }
    assert study.plots is figures
    assert drawn == set(figures.__all__)
