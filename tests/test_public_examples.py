"""The examples in the docstrings of the public interface do what they show, in a finished workspace."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import hindcast

ELSEWHERE = {
    "Forecaster": "needs a trained network: tests/workspace/test_opened_forecaster.py runs its examples"
}
NAMES = [name for name in hindcast.__all__ if not name.startswith("__") and name not in ELSEWHERE]
WITHOUT = {
    "HindcastError": "an exception",
    "KerasStream": "needs Keras, which the tests of the room feed load",
    "ModelSpec": "a custom network receives it from train; docs/training.md shows one",
    "load_state": "needs a trained network; docs/training.md shows it, and a test runs that page",
    "save_state": "as load_state",
}
"""Names without an example, each with its reason."""


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_public_name_are_right(
    name: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    value = getattr(hindcast, name)
    with hindcast.open() as work:
        module = inspect.getmodule(value)
        assert isinstance(module, ModuleType)
        found = doctest.DocTestFinder(exclude_empty=True).find(
            value, name, module, {"work": work, "hindcast": hindcast}
        )
        examples = [test for test in found if test.examples]
        assert bool(examples) != (name in WITHOUT), (
            f"hindcast.{name} needs an example, or a reason in WITHOUT"
        )
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST)
        for test in examples:
            report: list[str] = []
            assert runner.run(test, out=report.append).failed == 0, "".join(report)
