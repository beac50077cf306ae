"""Which study is gone on with, and whether it may be, with the settings that are asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dipddpm.data import Dataset
from dipddpm.errors import ConfigError, DataError
from study.mirror import redacted
from study.results import LATEST, STUDY_FILE, TRIALS_FILE, read_info, read_rows
from study.settings import StudySettings, difference


def earlier_study(results_dir: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """``study.json`` of the study that ``--resume`` means: the one it names, else the latest.

    Raises:
        ConfigError: there is none.
    """
    name = given["resume"] or given.get("name", LATEST)
    if given.get("name", name) != name:
        raise ConfigError("resume", name, f"{given['name']}, as --name says")
    try:
        return read_info(results_dir / name)
    except (FileNotFoundError, NotADirectoryError):
        found = {p.parent.name for p in results_dir.glob(f"*/{STUDY_FILE}")} - {LATEST}
        known = f"one of {', '.join(sorted(found))}" if found else "a study, but there is none"
        raise ConfigError("resume", name, f"{known} in {results_dir}") from None


def check_resumable(before: Mapping[str, Any], settings: StudySettings, dataset: Dataset) -> None:
    """Raise where the study would mix what cannot be compared, or has more trials than asked for.

    Raises:
        ConfigError, DataError: names the difference.
    """
    if found := difference(before["settings"], settings.to_json()):
        name, old, new = found
        old, new = (" ".join(map(str, v)) if isinstance(v, list) else v for v in (old, new))
        raise ConfigError(
            name, new, f"{old}, with which the study began: results would not compare"
        )
    if before["dataset_hash"] != dataset.hash:
        raise DataError(
            f"the images of {dataset.name} are not those that the study began with: their hash is "
            f"{dataset.hash}, expected {before['dataset_hash']}"
        )
    url = redacted(settings.storage_url or "")
    if url != (before["storage_url"] or ""):
        raise ConfigError("storage_url", url or "not given", before["storage_url"] or "none")
    trials = read_rows(settings.results_dir / settings.plan.name / TRIALS_FILE)
    if settings.plan.num_samples < len(trials):
        has = f"at least {len(trials)}, the trials that the study has"
        raise ConfigError("num_samples", settings.plan.num_samples, has)
