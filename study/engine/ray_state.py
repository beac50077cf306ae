"""What Ray Tune writes to restore an experiment by itself."""

import re

from pyarrow import fs

from study.results.folder import RAY_FOLDER
from study.results.remote import RemotePath

STATE = re.compile(r"tuner\.pkl|(experiment_state|searcher-state|search_gen_state)-.*")


def forget(place: RemotePath) -> None:
    """Remove it: it names the machine and its folders, results are shared, and nothing reads it.

    A study goes on from its own records (:mod:`study.engine.recovery`).

    Args:
        place: the folder in which Ray's own folder is.
    """
    folder = place / RAY_FOLDER
    selector = fs.FileSelector(folder.path, allow_not_found=True)
    for entry in folder.filesystem.get_file_info(selector):
        if STATE.fullmatch(entry.base_name):
            folder.filesystem.delete_file(entry.path)
