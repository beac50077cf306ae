"""What a run writes to go on or to draw again: tensors with JSON beside them, no pickle."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dipddpm.config import RunConfig, read_config, shareable
from dipddpm.errors import DataError
from dipddpm.training import make_denoiser

STATE_FILE = "run.safetensors"

PRIOR = "prior."
"""The beginning of the names of the prior's tensors."""

EARLIER_PRIORS = ("dip.", "fit.")
"""The same in version 0.1, for a prior that was fitted and for one under way."""

EARLIER_AVERAGES = ("kept.", "ema.")
"""The same of the averaged weights in versions 0.1 and 0.2, which had ``module.`` after it."""


def write_state(folder: Path, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Replace the state of a run in ``folder`` in one step; ``state`` is what JSON can hold.

    It is on disk when this returns: a power cut leaves the state before it or this one.
    """
    contiguous = {name: value.cpu().contiguous() for name, value in tensors.items()}
    temporary = folder / f".{STATE_FILE}"
    save_file(contiguous, temporary, {"run": json.dumps(state)})
    _sync(temporary)
    temporary.replace(folder / STATE_FILE)
    _sync(folder)


def _sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what :func:`write_state` of this or an earlier version wrote, by today's names."""
    with safe_open(folder / STATE_FILE, framework="pt") as file:
        state = json.loads(file.metadata()["run"])
        tensors = {_today(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    tensors.pop("ema.n_averaged", None)  # the same as "updates"
    if "prior_seconds" not in state:  # 0.1 kept them among the tensors
        seconds = tensors.pop(f"{PRIOR}seconds", torch.tensor(0.0))
        state |= {"prior_seconds": float(seconds), "pending_loss": None}
    return state, tensors


def holds_state(folder: Path) -> bool:
    """Return whether a folder holds the state of a run, and all of it."""
    try:
        with safe_open(folder / STATE_FILE, framework="pt") as file:  # compares sizes
            return "run" in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def _today(name: str) -> str:
    for earlier in EARLIER_PRIORS:
        if name.startswith(earlier):
            return PRIOR + name.removeprefix(earlier)
    for earlier in EARLIER_AVERAGES:
        if name.startswith(earlier):
            return "ema." + name.removeprefix(earlier).removeprefix("module.")
    return name


def save_weights(
    file: Path, weights: dict[str, Tensor], config: RunConfig, shape: torch.Size
) -> None:
    """Write a denoiser's weights with all that :func:`load_weights` needs to draw with them."""
    about = {"config": shareable(config), "shape": shape}
    save_file(weights, file, {"dipddpm": json.dumps(about)})


def load_weights(file: Path, device: torch.device) -> tuple[nn.Module, RunConfig, torch.Size]:
    """Return the denoiser of :func:`save_weights`, its settings and its images' shape (C, H, W).

    Raises:
        DataError: it is no such file.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            about = json.loads((opened.metadata() or {})["dipddpm"])
            weights = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{file} holds no weights of a run: {error}") from error
    config, shape = read_config(about["config"]), torch.Size(about["shape"])
    denoiser = make_denoiser(config, shape[-1], shape[0]).to(device)
    denoiser.load_state_dict(weights)
    return denoiser.eval().requires_grad_(False), config, shape
