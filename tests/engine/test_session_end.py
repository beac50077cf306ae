"""A search that ends before its trials do, at its budget of hours."""

import dataclasses
import io

from rich.console import Console
from support.toy_problem import PLAN, TOY, slow_toy

from study.engine.runner import run_study
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.results.usage import hours_used


def test_a_budget_ends_the_search_and_earlier_sessions_count(ray_local, tmp_path):
    """A budget of three seconds of a core, then one of four: of the second three are used."""
    hours = []
    for seconds in (3, 4):
        plan = dataclasses.replace(
            PLAN, num_samples=1000, budget_hours=seconds / 3600, scheduler="none"
        )
        with ResultsFolder.open(tmp_path, "toy", TOY) as folder:
            status = run_study(TOY, slow_toy, plan, folder, console=Console(file=io.StringIO()))
        assert status == "interrupted"
        hours.append(hours_used(folder.path))
        assert hours[-1] >= plan.budget_hours
        reason = load_study(folder.path).info["sessions"][-1]["reason"]
        assert reason == f"budget of {plan.budget_hours:.3g} core hours"
    study = load_study(folder.path)
    assert hours[0] < hours[1]
    assert len(study.trials) < 1000
    assert not study.with_status("running")
