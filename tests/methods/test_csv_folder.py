"""Parts of method 2 that do not train; tests/stages/test_methods.py runs it."""

from __future__ import annotations

import sys

import pytest

from hindcast.pipeline.methods import csv_folder


def test_a_system_that_does_not_report_memory_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert csv_folder._peak_memory().endswith(("MiB", "GiB"))
    monkeypatch.setitem(sys.modules, "resource", None)
    assert csv_folder._peak_memory() == "not measured on this system"
