"""Which study ``--resume`` goes on with, and whether its settings allow that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dipddpm.data import Dataset
from dipddpm.errors import DataError
from study.problem.earlier import difference
from study.problem.settings import StudySettings
from study.results.folder import (
    ARTIFACTS_FOLDER,
    CONFIRM_FOLDER,
    HISTORY_FILE,
    LATEST,
    NAME_RULE,
    PARTS,
    RAY_FOLDER,
    SAMPLES_FOLDER,
    STUDY_FILE,
    TRIALS_FILE,
    ResultsFolder,
    read_info,
    read_rows,
    valid_name,
)
from study.results.private import redacted, shareable
from study.results.remote import RemotePath, shown
from study.results.tables import check_confirmation, check_history, check_trials, read_problem
from study.spec.errors import DamagedFile, SettingError
from study.spec.problem import Problem
from study.spec.widening import widenings


def name_to_resume(results_dir: Path, given: Mapping[str, Any]) -> str:
    """Return the name of the study that ``--resume`` means: the one it names, else the latest.

    Raises:
        SettingError: ``--name`` says otherwise, or no study can have that name.
    """
    latest = results_dir / LATEST
    name = given["resume"] or given.get("name") or LATEST
    if name == LATEST and latest.exists():
        if not latest.is_symlink():
            why = f"{latest} is no link to the newest, but a file or folder of its own"
            raise SettingError("resume", name, f"{_known(results_dir)} in {results_dir}: {why}")
        name = latest.resolve().name
    if name != LATEST and not valid_name(name):
        raise SettingError("resume", name, f"a folder whose name has {NAME_RULE}")
    if given.get("name", name) != name:
        raise SettingError("resume", name, f"{given['name']}, as --name says")
    return name


def earlier_study(results_dir: Path, name: str) -> dict[str, Any]:
    """Return ``study.json`` of the study that is resumed.

    Raises:
        SettingError: there is none, or it is damaged.
    """
    try:
        return read_info(results_dir / name)
    except ValueError as error:
        damaged = f"a study whose {STUDY_FILE} can be read; this one is damaged: {error}"
        raise SettingError("resume", name, damaged) from None
    except (FileNotFoundError, NotADirectoryError):
        raise SettingError("resume", name, f"{_known(results_dir)} in {results_dir}") from None


def _known(results_dir: Path) -> str:
    """Return the names of the studies in a folder, in words."""
    found = {p.parent.name for p in results_dir.glob(f"*/{STUDY_FILE}")} - {LATEST}
    return f"one of {', '.join(sorted(found))}" if found else "a study, but there is none"


def check_names_conditions(earlier: Mapping[str, Any], name: str) -> None:
    """Raise SettingError for a replication of version 0.1, whose tables have other columns."""
    if "rows" in earlier:  # what it called conditions
        raise SettingError(
            "resume",
            name,
            "a replication that this version began, not one of 0.1, whose tables have other "
            "columns: begin a new one under another --name; version 0.1 can still read the old one",
        )


def check_is_there(storage: RemotePath, results_dir: Path, name: str) -> None:
    """Raise SettingError unless the storage has a study of that name.

    Its checkpoints are there, so a study is copied or renamed in both places or in none.
    """
    if (storage / name / STUDY_FILE).exists():
        return
    found = [n for n in storage.folders() if (storage / n / STUDY_FILE).exists()]
    known = f"one of {', '.join(found)}" if found else "a study, but there is none"
    if (results_dir / name / STUDY_FILE).exists():
        before = read_info(results_dir / name)["name"]
        if before in found:
            known = f"{before}, its name there; copy or rename it to {name} there too,"
    raise SettingError("resume", name, f"{known} in --storage-path")


def check_readable(folder: Path) -> None:
    """Raise DamagedFile where a file of a study, or of a part of it, cannot be read.

    A table that is gone or empty is no hindrance here: the other one tells what it held.
    """
    for name in (SAMPLES_FOLDER, ARTIFACTS_FOLDER, RAY_FOLDER, *PARTS):
        if (folder / name).exists() and not (folder / name).is_dir():
            raise DamagedFile(folder / name, "is a file, not a folder", "move it away")
    for part in (folder, *(folder / name for name in PARTS)):
        if not (part / STUDY_FILE).exists():
            continue
        info = read_info(part)
        problem = read_problem(part / STUDY_FILE, info)
        if part.name == CONFIRM_FOLDER:
            check_confirmation(part / STUDY_FILE, info, problem)
        for file, check in ((TRIALS_FILE, check_trials), (HISTORY_FILE, check_history)):
            if not _is_lost(part / file):
                check(part / file, read_rows(part / file), problem)


def _is_lost(table: Path) -> bool:
    """Return whether a table is missing, or holds nothing but zero bytes."""
    return not table.exists() or (table.is_file() and not table.read_bytes().strip(b"\0\r\n"))


def check_is_new(results_dir: Path, name: str) -> None:
    """Raise SettingError if there is such a study, OSError if the folder cannot be made."""
    try:
        ResultsFolder.check(results_dir, name)
    except FileExistsError:
        raise already_there(results_dir, name) from None


def already_there(results_dir: Path, name: str) -> SettingError:
    """Return the error of a new study whose folder exists."""
    path = results_dir / name
    is_study = (path / STUDY_FILE).exists()
    then = f"--resume {name} goes on with it" if is_study else "it holds no study"
    return SettingError("name", name, f"a new name, {path} exists; {then}")


def check_is_new_there(storage: RemotePath, name: str) -> None:
    """Raise SettingError if the storage has a study of that name."""
    if (storage / name).exists():
        there = f"--storage-path has it; --resume {name} goes on with it"
        raise SettingError("name", name, f"a new name, {there}")


def check_resumable(
    before: Mapping[str, Any], settings: StudySettings, problem: Problem, dataset: Dataset
) -> None:
    """Raise if the resumed study would mix results that do not compare.

    Raises:
        SettingError: a setting differs, a range lacks what was searched before, or the study has
            more trials than are asked for.
        DataError: the images differ.
    """
    if found := difference(before["settings"], settings.to_json()):
        name, old, new = found
        old, new = (" ".join(map(str, v)) if isinstance(v, list) else v for v in (old, new))
        raise SettingError(
            name, new, f"{old}, with which the study began: results would not compare"
        )
    wider = widenings(Problem.from_json(before["problem"]), problem)
    if before["dataset_hash"] != dataset.hash:
        raise DataError(
            f"the images of {dataset.name} are not those that the study began with: their hash is "
            f"{dataset.hash}, expected {before['dataset_hash']}"
        )
    url, began = settings.storage_url, before.get("storage_url")
    if (url and shareable(url)) != (began and shareable(began)):
        expected = f"{began}, as when the study began" if began else "none"
        raise SettingError("storage_url", redacted(url) if url else "not given", expected)
    place = settings.storage_path and shown(settings.storage_path)
    if place != before.get("storage_path"):
        began = before.get("storage_path") or "none, as when the study began"
        raise SettingError("storage_path", place or "not given", began)
    trials = read_rows(settings.results_dir / settings.plan.name / TRIALS_FILE)
    if settings.plan.num_samples < len(trials):
        has = f"at least {len(trials)}, the trials that the study has"
        raise SettingError("num_samples", settings.plan.num_samples, has)
    if wider and trials and settings.plan.num_samples == len(trials):
        names = ", ".join(each.parameter for each in wider)
        more = f"more than the study's {len(trials)} trials: only new ones search {names} further"
        raise SettingError("num_samples", settings.plan.num_samples, more)
