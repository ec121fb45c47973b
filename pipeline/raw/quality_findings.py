"""The findings of the quality check of one table, as ingest keeps them with the table in its cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hindcast.pipeline.raw.quality_checks import Finding


@dataclass(frozen=True)
class TableFindings:
    """What the checks of one table found: by (series, value), and the last time with a value of each series and value."""

    findings: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)
    ends: dict[str, dict[str, int]] = field(default_factory=dict)  # value -> series -> ns UTC

    def as_json(self) -> Any:
        """Convert to JSON values."""
        rows = [
            [*key, found.reason, found.from_time, found.until_time, found.severity, found.value]
            for key, findings in self.findings.items()
            for found in findings
        ]
        return {"findings": rows, "ends": self.ends}

    @classmethod
    def from_json(cls, value: Any) -> TableFindings:
        """Convert back."""
        findings: dict[tuple[str, str], list[Finding]] = {}
        for series, name, *rest in value["findings"]:
            findings.setdefault((series, name), []).append(Finding(*rest))
        return cls(findings, value["ends"])
