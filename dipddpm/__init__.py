"""DIP→DDPM: a Deep Image Prior restores images, and a DDPM learns from them.

``Run`` is the whole; the modules are its parts, each usable alone.
"""

from dipddpm.config import PRESETS, RunConfig, preset
from dipddpm.data import Dataset, load_dataset
from dipddpm.errors import ConfigError, DataError, NonFiniteLossError
from dipddpm.images import contact_sheet
from dipddpm.pipeline import Record, Run

__version__ = "0.2.0"

__all__ = [
    "PRESETS",
    "ConfigError",
    "DataError",
    "Dataset",
    "NonFiniteLossError",
    "Record",
    "Run",
    "RunConfig",
    "contact_sheet",
    "load_dataset",
    "preset",
]
