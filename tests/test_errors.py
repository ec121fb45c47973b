"""Errors print every fault, survive pickling, and are also the builtin that a caller would expect."""

from __future__ import annotations

import pickle

import pytest

from hindcast.pipeline import errors
from hindcast.pipeline.errors import ContinuityError, FormatError, HindcastError, TrainingError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HindcastError)]


def test_an_error_prints_its_summary_and_one_line_per_fault() -> None:
    assert str(FormatError("x.h5 is damaged.")) == "x.h5 is damaged."
    assert (
        str(FormatError("2 files are damaged.", ["a.h5", "b.h5"]))
        == "2 files are damaged.\n  - a.h5\n  - b.h5"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_from_another_process_whole(kind: type[HindcastError]) -> None:
    copied = pickle.loads(pickle.dumps(kind("summary", ["first", "second"])))
    assert type(copied) is kind
    assert (copied.summary, copied.faults) == ("summary", ("first", "second"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not HindcastError])
def test_every_kind_is_also_a_builtin(kind: type[HindcastError]) -> None:
    assert issubclass(kind, (ValueError, OSError, RuntimeError))
    assert issubclass(ContinuityError, TrainingError)


def test_a_missing_value_is_printed_as_nothing_and_the_text_none_as_it_is() -> None:
    assert str(FormatError("x must be text, found None.", ["y, found NoneType", "z, found 'None'"])) == (
        "x must be text, found nothing.\n  - y, found nothing\n  - z, found 'None'"
    )
