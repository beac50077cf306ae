"""The state of an optimizer as flat tensors, which safetensors can hold."""

import torch
from torch import Tensor


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's tensors by names such as ``optimizer.INDEX.NAME``."""
    state: dict[str, Tensor] = {}
    for index, values in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    return state


def load_moments(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Set the optimizer to a state that holds what :func:`moments` gave, and maybe more."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.", state).items():
        index, name = key.split(".")
        found.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": found, "param_groups": groups})


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``, under their names without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
