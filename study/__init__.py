"""The study of DIP→DDPM, and the engine that can study any other pipeline.

The public names are loaded when they are first used: reading a study and plotting it need neither
Ray nor torch.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Ray reads these when it is imported. No usage statistics leave this machine, and no notes to
# Ray's own developers appear in the user's terminal.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its reporter prints whatever the verbosity
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # the recorder tells of them
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # the recorder logs for them
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1e9")  # its state: the records are ours
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # signals end a study in one way

if TYPE_CHECKING:
    from study.engine.plan import Plan
    from study.engine.reporting import report
    from study.engine.runner import run_study
    from study.page import figures as plots
    from study.page.summary import write_summary
    from study.results.folder import ResultsFolder
    from study.results.records import load_study
    from study.spec.problem import Metric, Parameter, Problem, Stage

__all__ = [
    "Metric",
    "Parameter",
    "Plan",
    "Problem",
    "ResultsFolder",
    "Stage",
    "load_study",
    "plots",
    "report",
    "run_study",
    "write_summary",
]

_MODULES = {
    **dict.fromkeys(("Metric", "Parameter", "Problem", "Stage"), "study.spec.problem"),
    "Plan": "study.engine.plan",
    "ResultsFolder": "study.results.folder",
    "load_study": "study.results.records",
    "report": "study.engine.reporting",
    "run_study": "study.engine.runner",
    "write_summary": "study.page.summary",
}


def __getattr__(name: str) -> Any:
    """Load a public name; ``plots`` is the module of figures."""
    if name == "plots":
        return importlib.import_module("study.page.figures")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
