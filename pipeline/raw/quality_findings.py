"""What the quality check of one table found, as ingest keeps it with the table in its cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OUTLIER, ZEROS, ZERO_RUN, FROZEN = "outlier", "false zeros", "zero run", "frozen"
LEVEL_SHIFT, SWAPPED, GAP, TAIL = "level shift", "day and month swapped", "gap", "ends early"


@dataclass(frozen=True)
class Finding:
    """An interval [from, until) in ns UTC that looks wrong, how many times it exceeds its limit, and a value as example."""

    reason: str
    from_time: int
    until_time: int
    severity: float
    value: float


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
