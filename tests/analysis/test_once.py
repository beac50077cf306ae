"""What follows from a record is computed once, and forgotten with it."""

import gc

from support.planted_studies import ROWS, make_study

from study.analysis.once import once
from study.results.records import load_study


def test_a_result_is_computed_once_for_each_record(tmp_path):
    calls = []

    @once
    def count(study):
        calls.append(study.name)
        return len(study.trials)

    first = make_study(tmp_path, ROWS)
    assert [count(first), count(first)] == [5, 5]
    assert len(calls) == 1
    again = load_study(first.folder)
    assert count(again) == 5
    assert len(calls) == 2
    del first, again
    gc.collect()
    count(load_study(tmp_path / "one"))  # perhaps at the place of one that is gone
    assert len(calls) == 3
