"""Why a row is put aside: the rules, and the rows of a block that broke one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rules = NDArray[np.uint8]

# Codes of the rules; the order is the order in which a row is checked, and the first fault found names the row.
RULES = (
    "good",
    "ignored",  # the line is no row, as `ignore_lines` says
    "encoding",  # the line is not text in the source's encoding
    "header",  # the line repeats the header
    "quotes",  # a quote is opened and not closed on its line
    "columns",  # more or fewer cells than the header has
    "group",
    "series",
    "issue_time",
    "valid_time",
    "lead",
    "known_time",
    "ambiguous",  # a wall time that comes twice, and nothing says which is meant
    "nonexistent",  # a wall time that never was
    "nonexistent_dropped",  # the same, where the source says `nonexistent: drop`
    "number",
    "min",
    "max",
    "allowed",
    "conflict",  # another row has the same series, issue and valid time, but other values
    "superseded",  # the same, where the source says `duplicates: first` or `last`
)
(
    GOOD, IGNORED, ENCODING, HEADER, QUOTES, COLUMNS, GROUP, SERIES, ISSUE_TIME, VALID_TIME, LEAD, KNOWN_TIME,
    AMBIGUOUS, NONEXISTENT, NONEXISTENT_DROPPED, NUMBER, MIN, MAX, ALLOWED, CONFLICT, SUPERSEDED,
) = range(len(RULES))  # fmt: skip

# put aside because the settings say so, or because nothing is lost with them: not counted as bad
DECLARED = (IGNORED, HEADER, NONEXISTENT_DROPPED, SUPERSEDED)

REMEDIES = {
    ENCODING: "see `encoding`",
    QUOTES: "see `quote`",
    COLUMNS: "see `separator`, `quote` and `ignore_lines`",
    ISSUE_TIME: "see `issue_time.format`",
    VALID_TIME: "see `valid_time.format` and `ignore_lines`",
    LEAD: "see `lead`",
    KNOWN_TIME: "see `known.format`",
    AMBIGUOUS: "see `zone` and `ambiguous` of the stamp",
    NONEXISTENT: "see `zone`, `label` and `nonexistent` of the stamp",
    NUMBER: "see `missing`, `decimal`, `thousands`, `around` and `negatives`",
    MIN: "see the value's `min`",
    MAX: "see the value's `max`",
    ALLOWED: "see the value's `allowed`",
    CONFLICT: "same series and times, other values: see `duplicates`",
}


@dataclass(frozen=True)
class BadRows:
    """Rows of one file that are put aside, an element a row; `column` is a header's index, -1 for none."""

    line: NDArray[np.int64]
    rule: Rules
    column: NDArray[np.int32]
    group: NDArray[np.object_]
    series: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.line)

    def take(self, rows: NDArray[np.bool_]) -> BadRows:
        """The rows where `rows` holds."""
        return BadRows(
            self.line[rows], self.rule[rows], self.column[rows], self.group[rows], self.series[rows]
        )


class Findings:
    """The first fault of each of `count` rows."""

    def __init__(self, count: int) -> None:
        self.rule: Rules = np.full(count, GOOD, np.uint8)
        self.column = np.full(count, -1, np.int32)

    def add(self, other: Findings) -> None:
        """Take over what `other` found where nothing was found before."""
        fresh = (other.rule != GOOD) & (self.rule == GOOD)
        self.rule[fresh], self.column[fresh] = other.rule[fresh], other.column[fresh]

    def copy(self) -> Findings:
        """The same findings, to go on from."""
        other = Findings(0)
        other.rule, other.column = self.rule.copy(), self.column.copy()
        return other

    def mark(self, bad: NDArray[np.bool_], rule: int, column: int) -> None:
        """Note a fault where `bad` holds and nothing was found before."""
        self.mark_rules(np.where(bad, np.uint8(rule), np.uint8(GOOD)), column)

    def mark_rules(self, rules: Rules, column: int) -> None:
        """Note the rule of each row that is not GOOD where nothing was found before."""
        fresh = (rules != GOOD) & (self.rule == GOOD)
        if fresh.any():
            self.rule[fresh] = rules[fresh]
            self.column[fresh] = column


def joined(parts: list[BadRows]) -> BadRows:
    """Several lots one after the other, ordered by line (rows of one line keep their order)."""
    if not parts:
        texts: NDArray[np.object_] = np.empty(0, object)
        return BadRows(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int32), texts, texts)
    names = ("line", "rule", "column", "group", "series")
    line, rule, column, group, series = (
        np.concatenate([getattr(part, name) for part in parts]) for name in names
    )
    order = np.argsort(line, kind="stable")
    return BadRows(line[order], rule[order], column[order], group[order], series[order])
