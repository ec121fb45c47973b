"""The result of a check: the number of rows checked, the rows that violate the rule, and the tightest margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_EXAMPLES = 20
"""The number of violations that are named; all violations are counted."""


@dataclass
class CheckResult:
    """The running result of one check, named after the kind of leak that it looks for.

    `tightest_margin` is the smallest distance in ns by which a row satisfies the rule (negative: the largest distance by
    which a row violates it), or None if the rule has no distance.
    """

    name: str
    rule: str
    rows_checked: int = 0
    violations: int = 0
    tightest_margin: int | None = None
    examples: list[str] = field(default_factory=list)

    def count_checked(self, rows: int = 1) -> None:
        """Count rows that were checked."""
        self.rows_checked += rows

    def add_violation(self, example: str, rows: int = 1) -> None:
        """Count violating rows and name one of them."""
        self.violations += rows
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)

    def add_violations(self, examples: Iterable[str], prefix: str = "") -> None:
        """Count one violating row for each example; the prefix says where it is."""
        for example in examples:
            self.add_violation(prefix + example)

    def count_margins(self, margins: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """Count rows and return the indices of the rows whose margin in ns is below zero: they violate the rule."""
        self.count_checked(len(margins))
        if len(margins):
            self.note_margin(int(margins.min()))
        return np.flatnonzero(margins < 0)

    def note_margin(self, margin: int) -> None:
        """Remember a margin if it is the tightest so far."""
        tightest = self.tightest_margin
        self.tightest_margin = margin if tightest is None else min(tightest, margin)

    def merge(self, other: CheckResult) -> None:
        """Add the counts of another result, name its violations, and keep the tighter margin."""
        if other.tightest_margin is not None:
            self.note_margin(other.tightest_margin)
        self.rows_checked += other.rows_checked
        self.add_violations(other.examples)
        self.violations += other.violations - len(other.examples)

    @property
    def passed(self) -> bool:
        """Return whether no row violated the rule."""
        return self.violations == 0

    def as_json(self) -> dict[str, Any]:
        """Return the entry for leaks.json."""
        return {
            "name": self.name,
            "rule": self.rule,
            "rows_checked": self.rows_checked,
            "violations": self.violations,
            "tightest_margin_ns": self.tightest_margin,
            "examples": self.examples,
        }


class Findings(dict[str, CheckResult]):
    """The results of the checks by name; a check that has not been added yet begins without rows."""

    def __missing__(self, name: str) -> CheckResult:
        result = self[name] = CheckResult(name, "")
        return result

    def merge(self, other: Findings) -> None:
        """Add the results of other rows."""
        for name, result in other.items():
            self[name].merge(result)
