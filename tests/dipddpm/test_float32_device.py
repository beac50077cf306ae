"""Runs on a device without float64, as Apple GPUs are."""

import dataclasses

import pytest
import torch
from support.float32_device import float32_device

from dipddpm.pipeline import Run


def test_the_device_refuses_float64_as_apple_gpus_do():
    with float32_device() as device:
        assert torch.ones(2).double().to(device, torch.float32).cpu().tolist() == [1, 1]
        for refused in (
            lambda: torch.ones(2, dtype=torch.float64, device=device),
            lambda: torch.ones(2, device=device).double(),
            lambda: torch.ones(2).double().to(device),
        ):
            with pytest.raises(TypeError, match="float64"):
                refused()


@pytest.mark.parametrize(
    "changes",
    [
        {"regime": "noisy"},
        {"prior": "none", "start_step": 300, "prediction": "v", "value_range": "unit"},
    ],
    ids=["noisy", "no prior"],
)
def test_a_run_needs_no_float64_on_its_device(tiny, tmp_path, changes):
    config = dataclasses.replace(tiny, epochs=2, eval_every=1, **changes)
    expected = [record.row() for record in Run(config, "cpu").records()]
    with float32_device() as device:
        run = Run(config, device)
        records = run.records()
        got = [next(records).row()]
        run.save(tmp_path)
        got += [record.row() for record in Run.load(tmp_path, device).records()]
        assert run.trainer.images.device.type == device
    for ours, theirs in zip(got, expected, strict=True):
        for name in ("loss", "dip_psnr", "fid", "precision"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, nan_ok=True), name
