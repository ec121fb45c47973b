"""Findings are kept as JSON."""

from __future__ import annotations

from hindcast.pipeline.raw.quality_findings import TableFindings
from tests.raw.quality_mock import check, hours, load


def test_findings_survive_json() -> None:
    values = load()
    values[100] *= 50
    found = check({"s": (hours(len(values)), values)})
    assert TableFindings.from_json(found.as_json()) == found
