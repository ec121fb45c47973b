"""The conservation of rows: read = stored + quarantined + folded, by source, file and rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.faults import DECLARED, REMEDIES, RULES, Rules
from hindcast.pipeline.raw.quarantine import Example

_WORST_RULES = 4
_LONGEST_EXAMPLE = 160  # characters of a raw line in a message


@dataclass
class Counts:
    """Rows of a file or source; a row is one (line, series)."""

    read: int = 0
    stored: int = 0
    folded: int = 0
    rules: dict[int, int] = field(default_factory=dict)  # quarantined rows by code

    @property
    def quarantined(self) -> int:
        """Rows put aside by any rule."""
        return sum(self.rules.values())

    @property
    def bad(self) -> int:
        """Rows put aside that the settings did not ask to be put aside."""
        return sum(count for rule, count in self.rules.items() if rule not in DECLARED)

    def add_rules(self, rules: Rules) -> None:
        """Count rows put aside, an element a row."""
        for rule, count in zip(*np.unique(rules, return_counts=True), strict=True):
            self.rules[int(rule)] = self.rules.get(int(rule), 0) + int(count)

    def report(self) -> dict[str, Any]:
        """As `reports/ingest.json` shows it."""
        assert self.read == self.stored + self.quarantined + self.folded, "a row was lost or counted twice"
        return {
            "rows_read": self.read,
            "rows_stored": self.stored,
            "rows_quarantined": self.quarantined,
            "rows_folded": self.folded,
            "rules": {RULES[rule]: self.rules[rule] for rule in sorted(self.rules)},
        }


def total(parts: list[Counts]) -> Counts:
    """The sum of several counts."""
    whole = Counts()
    for part in parts:
        whole.read += part.read
        whole.stored += part.stored
        whole.folded += part.folded
        for rule, count in part.rules.items():
            whole.rules[rule] = whole.rules.get(rule, 0) + count
    return whole


def faults_of(
    name: str, counts: Counts, allowed: float, examples: dict[str, list[Example]], *, chooses: bool = False
) -> list[str]:
    """What is wrong with a source as a whole: no rows, or more bad ones than `raw.max_bad_fraction`.

    `chooses` says that the source takes some of its files' rows only.
    """
    if counts.read == 0:
        chosen = " that `where` chooses" if chooses else ""
        return [f"raw.sources.{name}: its files hold no rows below their headers{chosen}"]
    if counts.bad <= allowed * counts.read:
        return []
    fault = (
        f"raw.sources.{name}: {counts.bad} of {counts.read} rows are bad ({counts.bad / counts.read:.2%}), "
        f"raw.max_bad_fraction allows {allowed:.2%}; the worst rules:"
    )
    bad = {rule: count for rule, count in counts.rules.items() if rule not in DECLARED}
    for rule in sorted(bad, key=lambda rule: (-bad[rule], rule))[:_WORST_RULES]:
        remedy = f" ({REMEDIES[rule]})" if rule in REMEDIES else ""
        fault += f"\n      {RULES[rule]}: {bad[rule]} rows{remedy}"
        for file, line, cell, text in examples.get(RULES[rule], []):
            found = f" {cell!r} in" if cell else ""
            fault += f"\n        {file}, line {line}:{found} {text[:_LONGEST_EXAMPLE]!r}"
    return [fault]


def too_many_bad(faults: list[str]) -> RawDataError:
    """The error for sources that cannot be used."""
    return RawDataError(
        "Too much of the raw data does not fit the settings: correct raw.sources, mend the files, or raise "
        "raw.max_bad_fraction. Nothing was replaced.",
        faults,
    )
