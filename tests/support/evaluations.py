"""How many evaluations a study has made twice, by Ray's own logs of its trials."""

import json
from pathlib import Path


def repeated(folder: Path) -> list[int]:
    """Evaluations made again, before the first new one, by each process that went on with a trial:
    Ray counts those of a process, and what is on record already is not logged again."""
    found = []
    for log in folder.glob("ray/*/result.json"):
        results = [json.loads(line) for line in log.read_text().splitlines()]
        counts = [result["iterations_since_restore"] for result in results]
        # a process begins where the count does not go on; the first one's begins at 1
        found += [n - 1 for before, n in zip([0, *counts], counts, strict=False) if n != before + 1]
    return found
