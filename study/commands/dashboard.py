"""``python study/dashboard.py results/NAME …``: draw a study's pages again, or compare several."""

import argparse
import sys
from pathlib import Path

from study.page.dashboard import compare, draw
from study.page.figure_files import write_figures
from study.replication import page as replication
from study.results.files import write_text
from study.results.folder import DASHBOARD_FILE, REPLICATION_FILE, STUDY_FILE
from study.results.records import StudyRecord, load_study
from study.spec.errors import DamagedFile, MachineError
from study.spec.terminal import one_line


def main(argv: list[str] | None = None, prog: str = "study/dashboard.py") -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Draw a study's pages again from what is on disk, or compare several studies.",
        usage=argparse.SUPPRESS,  # so that an error is one line
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="results/NAME", help="results folders of studies"
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="also write every figure of one study into this folder, as SVG and PNG (needs kaleido "
        "and Chrome or Chromium, but no display)",
    )
    args = parser.parse_args(argv)
    if args.figures and len(args.folders) > 1:
        parser.error(f"--figures is for one study; {len(args.folders)} are given")
    try:
        studies = [_load(folder) for folder in args.folders]
        for page in _draw_one(studies[0]) if len(studies) == 1 else [_draw_several(studies)]:
            print(page)
        for file in write_figures(studies[0], args.figures) if args.figures else ():
            print(file)
    except (DamagedFile, MachineError) as error:
        print(one_line(f"{prog}: {error}"), file=sys.stderr)
        return 2
    except OSError as error:
        message = f"{prog}: {error.filename2 or error.filename} cannot be written: {error.strerror}"
        print(one_line(message), file=sys.stderr)
        return 1
    return 0


def _load(folder: Path) -> StudyRecord:
    """Read a study; raise DamagedFile where there is none, or none that can be read."""
    try:
        return load_study(folder)
    except (OSError, ValueError) as error:
        reason = f"holds no study that can be drawn: there is no {STUDY_FILE} in it"
        raise DamagedFile(folder, reason, "give results/NAME of a study") from error


def _draw_one(study: StudyRecord) -> list[Path]:
    """Draw all pages of a study, with the tables of a replication; return where they are."""
    pages = [study.folder / DASHBOARD_FILE]
    if replication.is_replication(study):  # first: the other page links to it where it is there
        replication.write(study.folder)
        pages.append(study.folder / REPLICATION_FILE)
    write_text(pages[0], draw(study))
    return pages


def _draw_several(studies: list[StudyRecord]) -> Path:
    """Draw the studies side by side, beside the folder of the first; return where that is."""
    names = "-".join(study.name for study in studies)[:100]
    page = studies[0].folder.parent / f"compare-{names}.html"
    write_text(page, compare(studies))
    return page
