"""What MkDocs does not do by itself: files from outside ``docs/``, and roles of docstrings.

On GitHub the pages link to ``../CONTRIBUTING.md`` or ``../results/…``; the site has copies of them.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md")
PICTURES = "results/reference/**/*.png"

UP_LINK = re.compile(r"\]\(\.\./(?=[\w.])")
DOWN_LINK = re.compile(r"\]\(docs/")
ROLE = re.compile(r":(?:class|func|meth|data|attr|mod):(?=<code>|`)")


def on_files(files: Files, config: Any) -> Files:
    """Add what the pages show of the rest of the repository."""
    text = "".join(file.content_string for file in files.documentation_pages())
    pictures = [p.relative_to(ROOT).as_posix() for p in ROOT.glob(PICTURES)]
    for name in (*OUTSIDE, *(name for name in pictures if f"../{name}" in text)):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between ``docs/`` and the folder above it into links within the site."""
    link = DOWN_LINK if page.file.src_uri in OUTSIDE else UP_LINK
    return link.sub("](", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Show ``:class:`Metric``` as its name."""
    return ROLE.sub("", html)
