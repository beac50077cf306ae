"""README and docs say what is so: tables, links, commands, columns, and a site that builds."""

import csv
import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import plotly.graph_objects as go
import pytest
from PIL import Image
from support.toy_problem import TOY

from study.problem.definition import METRICS
from study.results.folder import ResultsFolder

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

import cli_tables
import tables

ROOT = Path(__file__).parents[1]

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "results" / "reference").glob("*/README.md")),
]

MODULES = {
    "study/run.py": cli_tables.RUN,
    "study/reproduce.py": cli_tables.REPRODUCE,
    "study/dashboard.py": cli_tables.DASHBOARD,
    "study/check_cluster.py": cli_tables.CHECK_CLUSTER,
    "-m dipddpm": cli_tables.LIBRARY,
    "docs/tables.py": "tables",
    **{
        f"benchmarks/{file.name}": file.stem
        for file in (ROOT / "benchmarks").glob("*.py")
        if "__main__" in file.read_text()
    },
}
"""The module whose ``main`` each command calls."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# --- the README is short, and tables are written from data


def test_the_readme_has_at_most_150_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", tables.pages(), ids=name_of)
def test_tables_and_examples_are_what_data_and_files_give(page):
    text = page.read_text()
    assert tables.written(text) == text, "run python docs/tables.py"


def test_a_number_typed_by_hand_does_not_last():
    text = (ROOT / "README.md").read_text()
    changed = re.sub(r"\*\*no\*\*: [\d.]+", "**no**: 0.5", text)
    assert changed != text
    assert tables.written(changed) == text


def test_the_readme_shows_how_an_example_is_run():
    example = tables.code("examples/own_problem.py#__main__")
    assert example.startswith("```python\nwith ResultsFolder.")
    assert "    run_study(" in example
    assert "\nstudy = load_study(folder.path)\n" in example
    assert "own_problem.py#__main__" in (ROOT / "README.md").read_text()


def test_a_marker_without_a_table_is_an_error():
    with pytest.raises(KeyError, match="no/such"):
        tables.written("<!-- table: no/such -->\n<!-- end -->")


def test_every_table_is_shown_somewhere():
    shown = {name for page in PAGES for _, name in tables.BLOCK.findall(page.read_text())}
    assert set(tables.TABLES) <= shown


def test_ci_calls_the_readmes_own_test_commands():
    after = (ROOT / "README.md").read_text().split("The tests:")[1]
    block = re.findall(r"```sh\n(.*?)```", after, re.DOTALL)[0]
    ci = (ROOT / ".ci" / "run").read_text().replace(" --quiet --no-compile", "").splitlines()
    assert block.splitlines()
    assert set(block.splitlines()) <= set(ci)


# --- links


def slug(heading: str) -> str:
    """GitHub's anchor of a heading."""
    kept = (c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(title) for title in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@every_page
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_files_that_are_named_exist(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    folders = "benchmarks|deploy|dipddpm|docs|examples|results/reference|study|tests"
    for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", prose):
        assert (ROOT / path).exists(), path


# --- commands


def commands(page: Path) -> list[list[str]]:
    """The words of every command: a line of a shell block, or a command in code font."""
    text = page.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += re.findall(r"`((?:python|dip-ddpm-study|dipddpm) [^`\n]+)`", prose)
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def parsed(words: list[str]) -> tuple[str, list[str]] | None:
    """The module whose parser is to accept a command, and the arguments; None for other tools."""
    if words[0] == "dip-ddpm-study":
        words = [f"study/{words[1].split('|')[0].replace('-', '_')}.py", *words[2:]]
    elif words[:3] == ["python", "-m", "dipddpm"]:
        words = ["-m dipddpm", *words[3:]]
    for i, word in enumerate(words):  # `ray submit` names one of them in the middle
        if word in MODULES:
            return MODULES[word], words[i + 1 :]
    assert words[0] != "python" or words[1] == "-m" or (ROOT / words[1]).exists(), words
    return None


COMMANDS = {
    shlex.join(words): found
    for page in PAGES
    for words in commands(page)
    if (found := parsed(words)) and words != ["python", "-m", "dipddpm"]  # which is any of three
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_commands_are_accepted_by_their_parsers(command):
    module, arguments = COMMANDS[command]
    parser = cli_tables.parser_of(module)
    named_alone = not arguments and any(action.required for action in parser._actions)
    if not named_alone:  # as the text names a command that it gives no argument
        parser.parse_args(arguments)


SMALL = "--train-size 64 --dip-steps 3"

QUICK = {
    "python docs/tables.py --check": "",
    "python study/dashboard.py results/NAME": "",
    "python study/dashboard.py results/A results/B": "",
    "python study/dashboard.py results/reference/mnist-small-0": "",
    "python -m dipddpm restore mine.png --prior dip --already-noisy --dip-lr 0.01": "--dip-steps 3",
    "python -m dipddpm restore --prior dip --std 0.5": f"{SMALL} --prior-size 8",
}
"""Commands of the pages that take under a minute, with flags that make them small."""

ONE_AFTER_ANOTHER = {
    "python -m dipddpm run --std 0.2": f"{SMALL} --epochs 1 --scored-images 20",
    "python -m dipddpm sample run/weights.safetensors --num 64": "",
    "python -m dipddpm restore --refine run/weights.safetensors": SMALL,
}
"""A run, and commands that need what it leaves."""


def run(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the pages in a folder, with this checkout's files."""
    words = [str(ROOT / word) if (ROOT / word).is_file() else word for word in command.split()]
    words[0] = sys.executable
    return subprocess.run(words, cwd=place, capture_output=True, text=True)


@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_run(command, tmp_path):
    assert command in COMMANDS
    for name in ("NAME", "A", "B", "reference/mnist-small-0"):
        shutil.copytree(
            ROOT / "results" / "reference" / "mnist-small-0", tmp_path / "results" / name
        )
    Image.new("L", (8, 8), 128).save(tmp_path / "mine.png")
    done = run(f"{command} {QUICK[command]}", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_commands_that_need_a_run_run_after_it(tmp_path):
    for command, flags in ONE_AFTER_ANOTHER.items():
        assert command in COMMANDS
        done = run(f"{command} {flags}", tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_cluster_file_is_refused_until_it_is_filled_in(tmp_path):
    command = "python study/check_cluster.py cluster.yaml"
    assert command in COMMANDS
    done = run(command, tmp_path)
    assert done.returncode == 2
    assert "CHANGE-ME" in done.stdout + done.stderr


def test_the_lines_of_python_in_the_docs_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(go.Figure, "show", lambda _: None)
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/results.md").read_text(), re.M | re.S
    )
    assert blocks
    for block in blocks:
        exec(block, {})


# --- columns


def test_the_columns_of_a_study_are_documented(tmp_path):
    problem = dataclasses.replace(
        TOY, parameters=(), metrics=METRICS, objectives=("fid",), resource="epoch", start_points=()
    )
    folder = ResultsFolder.create(tmp_path, "study", problem, {})
    folder.close()
    files = [tmp_path / "study" / name for name in ("trials.csv", "history.csv")]
    reference = ROOT / "results" / "reference"
    files += [reference / "mnist-small-0/confirm.csv"]
    tables = ("claims", "conditions", "timing", "extra_scores", "suspects", "variants", "squares")
    files += [reference / "original-quick" / f"{name}.csv" for name in tables]
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs/results.md").read_text()))
    for file in files:
        with file.open() as lines:
            assert set(next(csv.reader(lines))) <= documented, file.name


# --- the site


def test_the_site_builds_strictly(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "CONTRIBUTING" / "index.html").exists()
    assert "fonts.g" not in (tmp_path / "index.html").read_text()
