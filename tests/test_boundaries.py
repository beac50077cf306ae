"""Who may import whom, and which names are public."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import dipddpm

ROOT = Path(__file__).parents[1]


STUDY_TOOLS = ("ray", "optuna", "plotly", "pandas", "study")


def run_without(blocked: tuple[str, ...], code: str) -> None:
    """Run ``code`` in a fresh interpreter in which importing ``blocked`` fails."""
    script = f"""
import importlib.util, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            return importlib.util.spec_from_loader(name, self)
    def create_module(self, spec):
        raise ImportError(spec.name)
    def exec_module(self, module): ...
sys.meta_path.insert(0, Block())
{code}"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_library_works_without_the_study_and_its_tools():
    modules = [m.name for m in pkgutil.walk_packages(dipddpm.__path__, "dipddpm.")]
    assert {"dipddpm.networks.unet", "dipddpm.priors.restorer"} <= set(modules)
    run_without(
        STUDY_TOOLS,
        f"import {', '.join(name for name in modules if '__main__' not in name)}\n"
        "from dipddpm import Run, RunConfig\n"
        "config = RunConfig(dataset='digits', train_size=128, dip_steps=1, epochs=1)\n"
        "next(Run(config).records())",
    )


def imported_by(folder: Path) -> set[str]:
    """Top-level names that the files of a folder import, also inside functions, which a fresh
    interpreter does not reach."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    return names


def test_the_library_names_no_tool_of_the_study_in_any_import():
    assert not imported_by(ROOT / "dipddpm") & set(STUDY_TOOLS)


@pytest.mark.parametrize("room", ["spec", "results", "analysis", "page", "engine", "cluster"])
def test_what_serves_any_problem_does_not_know_the_library(room):
    assert "dipddpm" not in imported_by(ROOT / "study" / room)


def test_records_figures_and_dashboard_need_neither_ray_nor_torch():
    modules = (
        "study.results.records, study.page.figures, study.page.dashboard, study.replication.page"
    )
    run_without(("ray", "torch", "dipddpm"), f"import {modules}")


def test_public_names():
    assert sorted(dipddpm.__all__) == [
        "ConfigError",
        "DATA_SOURCES",
        "DataError",
        "DataSource",
        "Dataset",
        "NonFiniteError",
        "NonFiniteImagesError",
        "NonFiniteLossError",
        "PRESETS",
        "PRIORS",
        "Prior",
        "Record",
        "Run",
        "RunConfig",
        "SCORES",
        "contact_sheet",
        "load_dataset",
        "preset",
    ]
    assert all(hasattr(dipddpm, name) for name in dipddpm.__all__)
