"""DIP→DDPM: a prior such as the Deep Image Prior restores images, and a DDPM learns from them.

``Run`` is the whole; the modules are its parts, each usable alone. ``PRIORS``, ``DATA_SOURCES`` and
``SCORES`` are the tables to which a prior, a data set or a score can be added.
"""

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
