"""``python docs/tables.py``: write the tables of README and docs from committed results.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; what is between them is
replaced. ``<!-- code: FILE -->`` does the same with the code of an example, and
``<!-- code: FILE#NAME -->`` with one of its definitions; the NAME ``__main__`` stands for what the
example does when it is run as a command.
"""

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, whatever is installed

import claim_tables
import cli_tables
import finding_tables
import performance_tables
import prior_tables
import search_tables
import verdict_tables

ROOT = Path(__file__).parents[1]

TABLES: dict[str, Callable[[], str]] = {
    **claim_tables.TABLES,
    **finding_tables.TABLES,
    **performance_tables.TABLES,
    **prior_tables.TABLES,
    **search_tables.TABLES,
    **verdict_tables.TABLES,
    **cli_tables.TABLES,
}

BLOCK = re.compile(r"<!-- (table|code): (\S+) -->\n.*?<!-- end -->", re.DOTALL)


def pages() -> list[Path]:
    """Return the pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def written(text: str) -> str:
    """Return a page with its tables and code as the data and the examples give them now.

    Raises:
        KeyError: a marker names no table.
        FileNotFoundError: a marker names no example, or a table's data are missing.
    """
    return BLOCK.sub(_block, text)


def _block(match: re.Match[str]) -> str:
    kind, name = match.groups()
    body = TABLES[name]() if kind == "table" else code(name)
    return f"<!-- {kind}: {name} -->\n{body}\n<!-- end -->"


def code(name: str) -> str:
    """Return an example without its docstring, or a named part of it, as a fenced block."""
    file, _, wanted = name.partition("#")
    source = (ROOT / file).read_text(encoding="utf-8")
    body = ast.parse(source).body
    if wanted:
        (node,) = (node for node in body if wanted in _defined(node))
        text = _text_of(node, source)
    else:
        text = "\n".join(source.splitlines()[body[0].end_lineno :]).strip()
    return f"```python\n{text}\n```"


def _text_of(node: ast.stmt, source: str) -> str:
    """Return a definition as it stands, or the indented body of ``if __name__ …``, dedented."""
    if isinstance(node, ast.If):
        lines = source.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
        return textwrap.dedent("\n".join(lines))
    return ast.get_source_segment(source, node) or ""


def _defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
        return ["__main__"]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page differs")
    check = parser.parse_args(argv).check
    stale = []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = written(before)
        if after != before:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(after, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'differs from its data' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
