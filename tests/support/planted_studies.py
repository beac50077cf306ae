"""Studies of the toy problem with planted rows, as they would be on disk."""

from PIL import Image

from study.results.folder import ResultsFolder
from study.results.records import load_study
from support.toy_problem import TOY


def make_study(tmp_path, rows, problem=TOY, name="one", **plan):
    settings = {"plan": PLAN | plan}
    folder = ResultsFolder.create(tmp_path, name, problem, {"settings": settings})
    folder.set_status("finished", wall_time_s=8.0)
    for row in rows:
        for done in range(1, row["round"] + 1):
            reached = {"error": row["error"] + 4 - done, "round": done, "elapsed_s": done}
            folder.append_history(row | reached)
        if row["round"]:
            pictures = folder.path / "samples" / row["trial_id"]
            pictures.mkdir()
            for shade, stage in enumerate(problem.stages):
                Image.new("L", (8, 8), 90 * shade).save(pictures / f"{stage.name}.png")
    folder.write_trials(rows)
    return load_study(folder.path)


PLAN = {"scheduler": "asha", "grace_period": 1, "reduction_factor": 2, "num_samples": 5, "slots": 2}


def row(trial_id, status, **values):
    base = {"trial_id": trial_id, "status": status, "stop_reason": "", "x": 1.0, "y": 0.25}
    base |= {"started_s": 1.0, "ended_s": 5.0, "restarts": 0}
    return base | {"round": 4, "error": 1.0, "price": 2.0, "bound": 0.25, "work_s": 1.0} | values


ROWS = [
    row("aaa", "completed", error=0.5, price=3.0),
    row("bbb", "completed", error=0.9, price=1.0, x=7.0),
    row("ccc", "completed", error=2.0, price=4.0),
    row("ddd", "stopped", error=0.1, price=0.1, round=2),
    row("eee", "failed", round=0, error=None, price=None, stop_reason="ValueError: <script>"),
]
