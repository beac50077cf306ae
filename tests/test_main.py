"""``python -m dipddpm``."""

import json

import pytest
from PIL import Image
from safetensors.torch import load_file

from dipddpm.__main__ import main

TINY = (
    *("run", "--train-size", "96", "--dip-batch-size", "64", "--dip-steps", "4"),
    *("--dip-width", "8", "--width", "8", "--epochs", "2", "--eval-every", "1"),
    *("--sampler-steps", "3", "--scored-images", "100"),
)


def test_run_writes_records_weights_and_pictures(tmp_path, capsys):
    out = tmp_path / "new" / "run"
    assert main([*TINY, "--out", str(out)]) == 0
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2]
    assert f"fid {records[-1]['fid']:.2f}" in capsys.readouterr().out
    assert "head.weight" in load_file(out / "weights.safetensors")
    assert json.loads((out / "config.json").read_text())["width"] == 8
    for stage in ("noisy", "restored", "prior", "samples"):
        Image.open(out / f"{stage}.png").verify()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--std", "-1"], "--std is -1.0; expected a finite number above 0"),
        (["--dataset", "cats"], "--dataset is cats; expected digits, mnist or an existing folder"),
        (["--batch-size", "97"], "--batch-size is 97; expected at most 96"),
        (["--epochs", "many"], "--epochs: invalid int value: 'many'"),
        (["--dataset", "mnist", "--data-dir", "/nowhere"], "MNIST is not in /nowhere"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_nothing(flags, message, tmp_path, capsys):
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as caught:
        main([*TINY, *flags, "--out", str(out)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(SystemExit) as caught:
        main([*TINY, "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert "expected a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_failed_run_has_its_own_status(tmp_path, capsys):
    assert main([*TINY, "--ddpm-lr", "1e30", "--out", str(tmp_path / "run")]) == 1
    assert "DDPM loss is not finite" in capsys.readouterr().err
