"""The peak of device memory, and that a trial without torch stays without it."""

import subprocess
import sys
from types import SimpleNamespace

from support import ROOT

from study.engine import device_memory


def test_a_trial_that_needs_no_torch_imports_none():
    code = "import sys, support.toy_problem, study.engine.device_memory as d; d.forget_peak(); "
    code += "assert d.peak_gb() is None; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "tests")


def test_the_peak_is_that_since_it_was_forgotten(monkeypatch):
    held = [3_000_000_000]
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        reset_peak_memory_stats=held.clear,
        max_memory_allocated=lambda: max(held, default=1_500_000),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert device_memory.peak_gb() == 3.0
    device_memory.forget_peak()
    assert device_memory.peak_gb() == 0.002
