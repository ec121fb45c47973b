"""What the quality check of one table found, as ingest keeps it with the table in its cache."""

from __future__ import annotations

from collections.abc import Iterator
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
class Ends:
    """The last times with a value (ns UTC) of the series of a table: `last` for all but those that end `early` or have `none`."""

    last: int
    early: dict[str, int]
    none: list[str]

    @classmethod
    def of(cls, times: dict[str, int], series: list[str]) -> Ends:
        """Return the ends of one value from those of the series that have it."""
        last = max(times.values())
        return cls(
            last,
            {name: end for name, end in times.items() if end < last},
            [name for name in series if name not in times] if len(times) < len(series) else [],
        )

    def before(self, time: int, series: list[str]) -> Iterator[tuple[str, int]]:
        """Yield the series of the table whose values end before a time, and when."""
        if self.last >= time:
            yield from ((name, end) for name, end in self.early.items() if end < time)
            return
        none = set(self.none)
        yield from ((name, self.early.get(name, self.last)) for name in series if name not in none)


@dataclass(frozen=True)
class TableFindings:
    """What the checks of one table found: by (series, value), and by value when the `series` that have any end."""

    findings: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)
    ends: dict[str, Ends] = field(default_factory=dict)
    series: list[str] = field(default_factory=list)

    def as_json(self) -> Any:
        """Convert to JSON values."""
        rows = [
            [*key, found.reason, found.from_time, found.until_time, found.severity, found.value]
            for key, findings in self.findings.items()
            for found in findings
        ]
        ends = {name: [each.last, each.early, each.none] for name, each in self.ends.items()}
        return {"findings": rows, "ends": ends, "series": self.series}

    @classmethod
    def from_json(cls, value: Any) -> TableFindings:
        """Convert back."""
        findings: dict[tuple[str, str], list[Finding]] = {}
        for series, name, *rest in value["findings"]:
            findings.setdefault((series, name), []).append(Finding(*rest))
        return cls(findings, {name: Ends(*ends) for name, ends in value["ends"].items()}, value["series"])
