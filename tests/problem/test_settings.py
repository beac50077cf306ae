"""What the flags of a study come to."""

from study.cluster.capacity import this_machine
from study.problem.earlier import remembered
from study.problem.settings import resolve


def test_a_folder_here_that_bears_the_name_of_a_data_source_is_not_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mnist", "mine"):
        (tmp_path / name).mkdir()
    assert resolve({"dataset": "mnist"}, this_machine()).run.dataset == "mnist"
    assert remembered({"dataset": "mnist"}) == {"dataset": "mnist"}
    assert resolve({"dataset": "mine"}, this_machine()).run.dataset == str(tmp_path / "mine")
    assert remembered({"dataset": "mine"}) == {}
