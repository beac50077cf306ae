"""One run in a folder of its own: what is written while it goes on, and how it is resumed.

| file                       | what                                                            |
|----------------------------|-----------------------------------------------------------------|
| `config.json`              | all settings                                                    |
| `features.json`            | what is known of the features that scores rest on               |
| `features.safetensors`     | the features themselves, if they were trained for these images  |
| `records.jsonl`            | a line per evaluation                                           |
| `run.safetensors`          | the state, while the run is not finished                        |
| `weights.safetensors`      | the denoiser, at the end or as far as an interrupted run came   |
| `*.png`, `reverse.gif`     | pictures, at the end                                            |
"""

import dataclasses
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

from dipddpm.checkpoint import STATE_FILE, read_state, save_weights
from dipddpm.commands import NUM_PICTURES, Watch, make_folder, without_nan
from dipddpm.config import RunConfig, read_config
from dipddpm.data import DATA_SOURCES
from dipddpm.errors import ConfigError
from dipddpm.feature_store import FEATURES_FILE, keep_features, kept_features
from dipddpm.images import contact_sheet, overview, save_animation
from dipddpm.interruption import Hold, Interrupted
from dipddpm.optimizer import under
from dipddpm.pipeline import Run
from dipddpm.progress import Progress
from dipddpm.randomness import generator

CONFIG_FILE = "config.json"
RECORDS_FILE = "records.jsonl"
WEIGHTS_FILE = "weights.safetensors"

SAVE_EVERY_S = 60.0  # while the prior is fitted, against crashes; a signal saves by itself


def run(config: RunConfig, device: torch.device, out: Path, progress: Progress, hold: Hold) -> str:
    """Run DIP→DDPM once; write records, weights, contact sheets and an animation.

    Args:
        hold: how signals are taken. They leave a state that :func:`resume` goes on from.

    Returns:
        What came of it, in one line.
    """
    keeper = Keeper(out, progress, hold)
    whole = Run(config, str(device), keeper)
    make_folder(out)
    _write_json(out / CONFIG_FILE, dataclasses.asdict(config))
    features = whole.reference.features
    _write_json(out / "features.json", dict(features.card))
    keep_features(features, out / FEATURES_FILE)
    for doubt in features.doubts:
        print(f"scores on these features are in doubt: {doubt}", file=sys.stderr)
    return _go_on(whole, keeper)


def resume(
    out: Path, places: dict[str, str], device: torch.device, progress: Progress, hold: Hold
) -> str:
    """Go on with the run that was interrupted in ``out``, exactly where its state was saved.

    Args:
        places: ``dataset`` and ``data_dir``, where the images are now, if they have moved.

    Returns:
        What came of it, in one line.

    Raises:
        ConfigError: there is no such run, or it is finished.
    """
    has_state = (out / STATE_FILE).exists()
    if not (out / CONFIG_FILE).exists():
        raise ConfigError("resume", str(out), f"a run's folder, which holds {CONFIG_FILE}")
    if not has_state and (out / WEIGHTS_FILE).exists():
        raise ConfigError("resume", str(out), "a run that is not finished")
    keeper = Keeper(out, progress, hold)
    features = kept_features(out / FEATURES_FILE)
    settings = json.loads((out / CONFIG_FILE).read_text()) | places
    if has_state:
        places = {name: settings[name] for name in ("dataset", "data_dir")}
        whole = Run.load(out, str(device), keeper, features, **places)
    else:  # it was interrupted before there was anything to save
        whole = Run(read_config(settings), str(device), keeper, features)
    return _go_on(whole, keeper)


class Keeper:
    """The progress callback of a run that writes its state, and ends it where a signal asks so.

    The state is whole after a step of the prior's fit and after an epoch. An epoch may take
    minutes, so a signal ends it at once and it is trained again; a step does not, and is awaited.
    """

    def __init__(self, out: Path, progress: Progress, hold: Hold) -> None:
        self.out, self.progress, self.hold = out, progress, hold
        self.run: Run | None = None
        self._saved = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show the progress; save the state if it is time to."""
        self.progress(stage, done, total)
        if self.run is None:  # it is not made yet: features are being trained
            return
        fits = stage == "dip" and done < total
        is_due = time.monotonic() - self._saved >= SAVE_EVERY_S
        if not fits or is_due or self.hold.waiting is not None:
            self.run.save(self.out)
            self._saved = time.monotonic()
        self.hold.holds = fits
        self.hold.release()


def _go_on(whole: Run, keeper: Keeper) -> str:
    """Run to the end and write what came of it; return that in one line."""
    out, config = keeper.out, whole.config
    keeper.run = whole
    rows = _read_rows(out / RECORDS_FILE)
    try:
        for record in whole.records():
            # an evaluation that a signal cut off from its state is done again
            rows[record.epoch] = without_nan(record.row())
            lines = (json.dumps(row) + "\n" for row in rows.values())
            (out / RECORDS_FILE).write_text("".join(lines))
        _write_results(whole, out)
    except Interrupted as signal:
        _save_weights_so_far(whole, out)
        raise Interrupted(signal.number, f"; {resume_command(out, config)} goes on") from None
    (out / STATE_FILE).unlink()
    assert record is not None
    return (
        f"fid {record.scores['fid']:.2f} (floor {record.fid_floor:.2f}, "
        f"noise {record.fid_noise:.1f}, "
        f"{record.scored_images} images, {record.features}) after {record.epoch} epochs, "
        f"{record.time_total_s:.1f} s of DIP and DDPM"
    )


def resume_command(out: Path, config: RunConfig) -> str:
    """Return the shell command that goes on with a run, with the folders of its images."""
    words = ["python", "-m", "dipddpm", "run", "--resume", str(out)]
    if config.dataset not in DATA_SOURCES:
        words += ["--dataset", config.dataset]
    if config.data_dir:
        words += ["--data-dir", config.data_dir]
    return shlex.join(words)


def _write_results(whole: Run, out: Path) -> None:
    assert whole.trainer is not None
    config, device = whole.config, whole.device
    pictures = whole.pictures()
    for stage, images in pictures.items():
        contact_sheet(images).save(out / f"{stage}.png")
    overview(pictures).save(out / "overview.png")
    whole.save_weights(out / WEIGHTS_FILE)
    watch = Watch(config.sampler_steps)
    whole.trainer.sample(NUM_PICTURES, generator(config.seed, "animation", device=device), watch)
    save_animation(watch.frames, out / "reverse.gif")


def _save_weights_so_far(whole: Run, out: Path) -> None:
    """Write the weights after the last whole epoch, if there is one, as the state has them."""
    if not (out / STATE_FILE).exists():
        return
    _, tensors = read_state(out)
    if weights := under("ema.", tensors):
        save_weights(out / WEIGHTS_FILE, weights, whole.config, whole.dataset.shape)


def _read_rows(file: Path) -> dict[int, dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return {row["epoch"]: row for row in map(json.loads, lines)}


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n")
