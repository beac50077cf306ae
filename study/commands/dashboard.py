"""``python study/dashboard.py results/NAME …``: draw a study's page again, or compare several."""

import argparse
import sys
from pathlib import Path

from study.page.dashboard import compare, draw
from study.results.files import write_text
from study.results.folder import DASHBOARD_FILE
from study.results.records import load_study


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="study/dashboard.py",
        description="Draw a study's page again from what is on disk, or compare several.",
        usage=argparse.SUPPRESS,  # so that an error is one line
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="results/NAME")
    args = parser.parse_args(argv)
    studies = []
    for folder in args.folders:
        try:
            studies.append(load_study(folder))
        except (OSError, ValueError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}"
            message = f"{folder} holds no study that can be drawn: {reason}"
            print(f"study/dashboard.py: {message}", file=sys.stderr)
            return 2
    if len(studies) == 1:
        page, text = args.folders[0] / DASHBOARD_FILE, draw(studies[0])
    else:
        names = "-".join(study.name for study in studies)[:100]
        page, text = args.folders[0].parent / f"compare-{names}.html", compare(studies)
    write_text(page, text)
    print(page)
    return 0
