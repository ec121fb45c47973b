"""Tests of evaluation use few trees: no assertion depends on their number."""

from __future__ import annotations

import pytest

from hindcast.pipeline.judge import trees


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "ITERATIONS", 40)
