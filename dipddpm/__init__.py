"""DIP→DDPM: a prior such as the Deep Image Prior restores images, and a DDPM learns from them.

``Run`` is the whole; the modules are its parts, each usable alone. ``PRIORS``, ``DATA_SOURCES`` and
``SCORES`` are the tables to which a prior, a data set or a score can be added. The public names are
loaded when they are first used, so that a command can take Ctrl-C while PyTorch is loading.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipddpm.config import PRESETS, RunConfig, preset
    from dipddpm.data import DATA_SOURCES, Dataset, DataSource, load_dataset
    from dipddpm.errors import (
        ConfigError,
        DataError,
        NonFiniteError,
        NonFiniteImagesError,
        NonFiniteLossError,
    )
    from dipddpm.images import contact_sheet
    from dipddpm.pipeline import Run
    from dipddpm.priors import PRIORS, Prior
    from dipddpm.quality import SCORES
    from dipddpm.record import Record

__version__ = "0.2.0"

__all__ = [
    "DATA_SOURCES",
    "PRESETS",
    "PRIORS",
    "SCORES",
    "ConfigError",
    "DataError",
    "DataSource",
    "Dataset",
    "NonFiniteError",
    "NonFiniteImagesError",
    "NonFiniteLossError",
    "Prior",
    "Record",
    "Run",
    "RunConfig",
    "contact_sheet",
    "load_dataset",
    "preset",
]

_NAMES = {
    "config": ("PRESETS", "RunConfig", "preset"),
    "data": ("DATA_SOURCES", "DataSource", "Dataset", "load_dataset"),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "images": ("contact_sheet",),
    "pipeline": ("Run",),
    "priors": ("PRIORS", "Prior"),
    "quality": ("SCORES",),
    "record": ("Record",),
}
"""The public names by their modules."""

_MODULES = {name: f"dipddpm.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
