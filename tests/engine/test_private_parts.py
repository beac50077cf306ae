"""The list of Ray's and Optuna's private parts is the whole of what the code uses."""

import ast
import re
import tomllib
from importlib.metadata import version

from packaging.requirements import Requirement
from support import ROOT

from study.engine.private_parts import OPTUNA, RAY


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_attributes(tree: ast.AST) -> set[str]:
    """What the classes of a file define themselves: methods, and attributes that __init__ sets."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
            if node.name == "__init__":
                stored = (n for n in ast.walk(node) if isinstance(n, ast.Attribute))
                found |= {n.attr for n in stored if isinstance(n.ctx, ast.Store)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)  # a dataclass's field
    return found


def foreign_private_names(tree: ast.AST) -> set[str]:
    """Private names that are imported, passed, or taken from objects of other classes."""
    own, found = own_attributes(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.keyword):
            found.add(node.arg or "")
        elif isinstance(node, ast.Attribute):
            of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not of_self or node.attr not in own:
                found.add(node.attr)
    return set(filter(is_private, found))


def test_the_list_is_what_the_code_uses():
    used = set()
    for path in (ROOT / "study").rglob("*.py"):
        used |= foreign_private_names(ast.parse(path.read_text()))
    listed = {
        part for name in (*RAY, *OPTUNA) for part in re.split(r"\W", name) if is_private(part)
    }
    assert used - {"_exit"} == listed  # os._exit is public, whatever its name


def test_each_part_has_its_reason():
    for meaning in (*RAY.values(), *OPTUNA.values()):
        assert re.fullmatch(r"[A-Z].+\.", meaning)


def test_the_installed_versions_are_within_bounds():
    """A release that nobody has tried may lack a private part."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for package in ("ray", "optuna"):
        (needed,) = (r for r in map(Requirement, project["dependencies"]) if r.name == package)
        assert "<" in {bound.operator for bound in needed.specifier}
        assert needed.specifier.contains(version(package))
