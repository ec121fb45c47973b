"""Tests of the judge keep the trees few: what they promise does not depend on the number."""

from __future__ import annotations

import pytest

from hindcast.pipeline.judge import trees


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "ITERATIONS", 40)
