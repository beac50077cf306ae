"""A study of the toy problem as an earlier session left it, with its checkpoints."""

import json
from pathlib import Path

from PIL import Image

from study.engine.checkpoints import seal
from study.engine.reporting import picture_path
from study.results.folder import ResultsFolder
from support.planted_studies import row
from support.toy_problem import TOY

COMPLETED, CUT_OFF, BEGUN = "aaaaaaaa", "bbbbbbbb", "cccccccc"
"""Trials: run to the end; interrupted after two rounds of four; interrupted before the first."""

ROUNDS = {COMPLETED: 4, CUT_OFF: 2, BEGUN: 0}


def interrupt(results: Path, name: str = "toy") -> Path:
    """Make the study's folder and return it; of each trial all checkpoints are still there."""
    folder = ResultsFolder.create(results, name, TOY, {"settings": {}})
    rows = []
    for number, (trial_id, rounds) in enumerate(ROUNDS.items()):
        status = "completed" if rounds == 4 else "interrupted"
        point = {"x": 1.0 + number, "y": 0.5}
        rows.append(row(trial_id, status, round=rounds, error=0.5 + 1 / max(1, rounds), **point))
        for done in range(1, rounds + 1):
            checkpoint = folder.path / "ray" / trial_id / f"checkpoint_{done - 1:06}"
            checkpoint.mkdir(parents=True)
            (checkpoint / "state.json").write_text(json.dumps({"done": done}))
            for stage in TOY.stages:
                Image.new("L", (4, 4), 40 * done).save(picture_path(checkpoint, stage.name))
            seal(checkpoint)
            at = {"round": done, "error": 0.5 + 1 / done, "elapsed_s": float(done)}
            folder.append_history({**rows[-1], **at, "checkpoint": checkpoint.name})
    folder.write_trials(rows)
    folder.close()
    return folder.path
