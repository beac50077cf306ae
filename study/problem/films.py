"""A study's films. The first run of each confirmed condition alone writes them: they cost a fit."""

from pathlib import Path

from dipddpm.films import restoration_film, sampling_film
from dipddpm.images import save_animation
from dipddpm.pipeline import Run

COLUMNS = 5


def write_films(run: Run, folder: Path, seed: int) -> None:
    """Write the films of a run that has ended beside its pictures, if it has the named seed."""
    if run.config.seed != seed:
        return
    films = {"restoration-film": restoration_film(run), "sampling-film": sampling_film(run)}
    for name, frames in films.items():
        if frames:
            save_animation(frames, folder / f"{name}.png", COLUMNS)
