"""The graph between packages: no circle, and no import that the drawing does not have."""

import ast
import graphlib
import re

from support import ROOT

LAUNCHERS = "launchers"
FRONT_DOOR = "study"  # its __init__.py


def room_of(module: str) -> str | None:
    """``study.engine.runner`` → ``engine``; None outside the project and for ``study`` itself."""
    first, _, rest = module.partition(".")
    if first == "dipddpm":
        return first
    return rest.partition(".")[0] or None if first == "study" else None


def imports_of(path) -> set[str]:
    """The rooms that a file imports from, also inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            rooms |= {room_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            rooms |= {room_of(name if node.module == "study" else node.module) for name in whole}
    return rooms - {None}


def imports() -> dict[str, set[str]]:
    """What each room imports, by the files in it."""
    graph: dict[str, set[str]] = {}
    for path in [*(ROOT / "dipddpm").rglob("*.py"), *(ROOT / "study").rglob("*.py")]:
        parts = path.relative_to(ROOT).parts
        room = parts[0] if parts[0] == "dipddpm" else parts[1]
        if room.endswith(".py"):
            room = FRONT_DOOR if room == "__init__.py" else LAUNCHERS
        graph.setdefault(room, set()).update(imports_of(path) - {room})
    return graph


def drawing() -> dict[str, set[str]]:
    """The block of CONTRIBUTING.md: ``room -> what it may import  # what it is for``."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"```rooms\n(.*?)```", text, re.DOTALL)
    drawn = {}
    for line in block.splitlines():
        rule, _, purpose = line.partition("#")
        room, _, allowed = rule.partition("->")
        assert purpose.strip(), f"{line!r} does not say what the room is for"
        drawn[room.strip()] = {name.strip() for name in allowed.split(",")} - {""}
    return drawn


def test_every_room_is_drawn():
    assert set(drawing()) == set(imports())


def test_there_is_no_circle():
    for graph in (imports(), drawing()):
        graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_import_is_missing_from_the_drawing():
    drawn = drawing()
    surprises = {
        f"{room} -> {other}" for room, others in imports().items() for other in others - drawn[room]
    }
    assert surprises == set()


def test_the_drawing_has_no_arrow_that_nothing_needs():
    actual = imports()
    idle = {f"{room} -> {o}" for room, others in drawing().items() for o in others - actual[room]}
    assert idle == set()
