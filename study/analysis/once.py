"""Results that are computed once for each record, however many parts of a page show them."""

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

from study.results.records import StudyRecord

Result = TypeVar("Result")


def once(function: Callable[[StudyRecord], Result]) -> Callable[[StudyRecord], Result]:
    """Return the function with its results remembered for as long as their record exists.

    A record is a study as it was read from disk; nothing changes it afterwards.
    """
    known: dict[int, Result] = {}

    @functools.wraps(function)
    def remembered(study: StudyRecord) -> Result:
        if id(study) not in known:
            known[id(study)] = function(study)
            weakref.finalize(study, known.pop, id(study), None)
        return known[id(study)]

    return remembered
