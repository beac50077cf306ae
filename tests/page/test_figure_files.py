"""Every figure as a file, drawn by a browser that nobody sees."""

import shutil
import sys

import pytest
from PIL import Image
from support.planted_studies import ROWS, make_study

from study.commands.dashboard import main
from study.page import figure_files
from study.page.figure_files import figures_by_name


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, ROWS)


def test_all_figures_have_a_name(study):
    names = set(figures_by_name(study))
    assert {"tradeoff-anytime", "tradeoff-price", "curves", "history", "parallel"} <= names
    assert "confirmed" not in names  # there is no confirmation
    assert "importance" not in names  # too few trials


def test_each_is_written_as_svg_and_png(study, tmp_path, capsys, monkeypatch):
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    two = dict(list(figures_by_name(study).items())[:2])
    monkeypatch.setattr(figure_files, "figures_by_name", lambda _: two)
    assert main([str(study.folder), "--figures", str(tmp_path / "figures")]) == 0
    files = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert files == sorted(f"{name}.{kind}" for name in two for kind in ("svg", "png"))
    assert capsys.readouterr().out.count("\n") == 1 + 4
    assert "best so far" in (tmp_path / "figures" / "tradeoff-anytime.svg").read_text()
    with Image.open(tmp_path / "figures" / "tradeoff-anytime.png") as picture:
        assert picture.size == (1800, 840)


@pytest.mark.parametrize("missing", ["kaleido", "browser"])
def test_what_is_missing_is_told_in_one_line(study, tmp_path, capsys, monkeypatch, missing):
    if missing == "kaleido":
        monkeypatch.setitem(sys.modules, "kaleido", None)
    else:
        monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    assert main([str(study.folder), "--figures", str(tmp_path / "figures")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'dip-ddpm-study[figures]'" in error


def test_figures_are_those_of_one_study(study, capsys):
    with pytest.raises(SystemExit) as stop:
        main([str(study.folder), str(study.folder), "--figures", "figures"])
    assert stop.value.code == 2
    assert "--figures is for one study; 2 are given" in capsys.readouterr().err
