"""An optimizer's state as flat tensors, which safetensors can hold."""

import torch
from torch import Tensor


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """``optimizer.INDEX.NAME`` → tensor."""
    state: dict[str, Tensor] = {}
    for index, values in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    return state


def load_moments(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """From a state that has what :func:`moments` gave, and maybe more."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.", state).items():
        index, name = key.split(".")
        found.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": found, "param_groups": groups})


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part whose names begin so, without the prefix."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
