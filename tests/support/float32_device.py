"""A device without float64, as Apple GPUs are, that computes on the CPU.

Its tensors say that they are on ``mps``. Any of them that would be float64 is refused as PyTorch
refuses it there, and so is an operation that mixes them with tensors of the CPU. What crosses from
one to the other, or has one wait for the other, can be counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("lazy")  # a name that PyTorch knows and no build computes on
aten = torch.ops.aten

MAY_MIX = {
    *(aten._to_copy.default, aten.copy_.default),  # from one device to the other
    *(aten.index.Tensor, aten.index_put_.default),  # indices may lie on the CPU
}

WAITS = {
    aten._local_scalar_dense.default,  # item(), float(), bool()
    *(aten.nonzero.default, aten.masked_select.default),  # the size of what they return
}

_crossings: list[str] = []


class OnDevice(torch.Tensor):
    """A tensor of the device, which holds one of the CPU."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "OnDevice":
        if inner.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype, device=DEVICE
        )

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


def dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the CPU; wrap what it returns if that is on the device."""
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    ours = [x for x in tensors if isinstance(x, OnDevice)]
    if ours and func not in MAY_MIX and any(type(x) is torch.Tensor and x.dim() for x in tensors):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device")
    where = kwargs.get("device")
    is_ours = bool(ours) if where is None else torch.device(where) == DEVICE
    if where is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    both = ours and len(tensors) > len(ours)
    leaves = func is aten._to_copy.default and where is not None and bool(ours) != is_ours
    if leaves or (both and func in MAY_MIX) or (ours and func in WAITS):
        _crossings.append(str(func))
    inner = tree_map(lambda x: x.inner if isinstance(x, OnDevice) else x, (args, kwargs))
    result = func(*inner[0], **inner[1])
    if not is_ours or (func is aten.copy_.default and not isinstance(args[0], OnDevice)):
        return result
    wrapped = tree_map(lambda x: OnDevice(x) if isinstance(x, torch.Tensor) else x, result)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


@contextmanager
def crossings() -> Iterator[list[str]]:
    """Yield a list of the operations that copy between the two, or have one wait for the other."""
    _crossings.clear()
    yield _crossings


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


class _Tensor(TorchFunctionMode):
    """Has ``torch.tensor`` go through the CPU, since it asks no dispatch mode."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        return func(*args, **kwargs)


class _Generator(torch.Generator):
    """A generator that says it is on the device it was asked for."""

    def __new__(cls, device: Any = "cpu") -> "_Generator":
        made = super().__new__(cls, device="cpu")
        made.asked = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.asked


@contextmanager
def float32_device() -> Iterator[str]:
    """Have the device ``mps`` be there; yield its name."""
    swap = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        fused = mock.patch.dict(
            torch.optim.Optimizer.__init__.__globals__,
            {"_get_fused_kernels_supported_devices": lambda: [DEVICE.type]},
        )
        with fused, mock.patch.object(torch, "Generator", _Generator), _Mode(), _Tensor():
            yield str(DEVICE)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swap)
