"""The rules for rejecting rows, the first fault of each row, and rejected rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Names
from hindcast.pipeline.errors import RawDataError

Rules = NDArray[np.uint8]

# Codes of the rules, in the order in which a row is checked: the first rule that it breaks is the one reported.
RULES = (
    "good",
    "ignored",  # the line matches `ignore_lines`, so it is not a row
    "encoding",  # the line is not text in the source's encoding
    "header",  # the line repeats the header
    "quotes",  # a quote is opened but not closed on its line
    "columns",  # more or fewer cells than the header has
    "group",
    "series",
    "issue_time",
    "valid_time",
    "lead",
    "known_time",
    "ambiguous",  # a wall time that occurs twice, and no setting resolves which one is meant
    "nonexistent",  # a wall time that the clock change skips
    "nonexistent_dropped",  # the same, with `nonexistent: drop`
    "number",
    "min",
    "max",
    "allowed",
    "flagged",  # beyond `flag.below` or `flag.above`, with `on_flag: quarantine`
    "conflict",  # another row has the same series and times, but other values
    "superseded",  # the same, with `duplicates: first` or `last`
    "off_grid",  # off the grid of `raw.frequency`, and not finer data
    "off_grid_empty",  # off the grid, without a value
)
(
    GOOD, IGNORED, ENCODING, HEADER, QUOTES, COLUMNS, GROUP, SERIES, ISSUE_TIME, VALID_TIME, LEAD, KNOWN_TIME,
    AMBIGUOUS, NONEXISTENT, NONEXISTENT_DROPPED, NUMBER, MIN, MAX, ALLOWED, FLAGGED, CONFLICT, SUPERSEDED,
    OFF_GRID, OFF_GRID_EMPTY,
) = range(len(RULES))  # fmt: skip

# rejected because of a setting, or without loss of data: not counted as bad
DECLARED = (IGNORED, HEADER, NONEXISTENT_DROPPED, SUPERSEDED, OFF_GRID_EMPTY)

MOST_BAD = 1_000_000
"""A file or table of mostly bad rows may have at most so many: a file of 1 MB can unpack to 500 million."""
KEPT_WHATEVER_THEIR_NUMBER = (
    IGNORED,
    SUPERSEDED,
    NONEXISTENT_DROPPED,
    OFF_GRID_EMPTY,
)  # a setting asks for it

REMEDIES = {
    IGNORED: "see `ignore_lines`",
    HEADER: "lines that repeat the header",
    ENCODING: "see `encoding`",
    QUOTES: "see `quote`",
    COLUMNS: "see `separator`, `quote` and `ignore_lines`",
    ISSUE_TIME: "see `issue_time.format`",
    VALID_TIME: "see `valid_time.format` and `ignore_lines`",
    LEAD: "see `lead`",
    KNOWN_TIME: "see `known.format`",
    AMBIGUOUS: "see `zone` and `ambiguous` of the timestamp",
    NONEXISTENT: "see `zone`, `label` and `nonexistent` of the timestamp",
    NUMBER: "see `missing`, `codes`, `decimal`, `thousands`, `around` and `negatives`",
    MIN: "see the value's `min`",
    MAX: "see the value's `max`",
    ALLOWED: "see the value's `allowed`",
    FLAGGED: "see the value's `flag` and `on_flag`",
    CONFLICT: "same series and times, different values: see `duplicates`",
    OFF_GRID: "timestamps off the grid of raw.frequency that are not finer data: see `off_grid` and raw.grid_offset",
    OFF_GRID_EMPTY: "timestamps off the grid of raw.frequency without a value: see `off_grid`",
}


@dataclass(frozen=True)
class RejectedRows:
    """Rejected rows of one file, one element per row; `column` is an index into the header, -1 for no column."""

    line: Ints
    rule: Rules
    column: NDArray[np.int32]
    group: Names
    series: Names

    def __len__(self) -> int:
        return len(self.line)

    @classmethod
    def without_column(
        cls, line: Ints, rule: int | Rules, group: str | Names, series: str | Names
    ) -> RejectedRows:
        """Return rows without a column at fault; rule, group and series are scalars for all rows, or arrays per row."""
        count = len(line)
        rules, columns = np.full(count, rule, np.uint8), np.full(count, -1, np.int32)
        return cls(line, rules, columns, np.full(count, group, object), np.full(count, series, object))

    def take(self, rows: Flags) -> RejectedRows:
        """Return the rows where `rows` is True."""
        return RejectedRows(
            self.line[rows], self.rule[rows], self.column[rows], self.group[rows], self.series[rows]
        )


class BadRowLimit:
    """Refuses rows (of one file, or of one table) as soon as there are too many bad ones to keep, and most are bad.

    `place` names the rows in messages; more than the fraction `allowed` (at least half) must be bad.
    """

    def __init__(self, place: str, allowed: float) -> None:
        self._place, self._allowed = place, max(allowed, 0.5)
        self._read = self._bad = 0

    def add(self, read: int, rules: Rules, example: Callable[[int], str]) -> None:
        """Count rows read and the rules of the rejected ones; `example` describes one of these by its index.

        Raises RawDataError.
        """
        self._read += read
        self._bad += int((~np.isin(rules, KEPT_WHATEVER_THEIR_NUMBER)).sum())
        if self._bad > MOST_BAD and self._bad > self._allowed * self._read:
            raise RawDataError(
                f"{self._place}: {self._bad:,} of the first {self._read:,} rows are bad, so it is not read to its end; "
                f"{example(len(rules) - 1)}. Correct raw.sources, narrow `files`, or raise raw.max_bad_fraction "
                "to 1 to keep them all in the quarantine. Nothing was replaced."
            )


class RowFaults:
    """The first fault of each of `count` rows."""

    def __init__(self, count: int) -> None:
        self.rule: Rules = np.full(count, GOOD, np.uint8)
        self.column = np.full(count, -1, np.int32)

    def add(self, other: RowFaults) -> None:
        """Copy the faults of `other` to rows that have no fault yet."""
        fresh = (other.rule != GOOD) & (self.rule == GOOD)
        self.rule[fresh], self.column[fresh] = other.rule[fresh], other.column[fresh]

    def copy(self) -> RowFaults:
        """Return an independent copy."""
        other = RowFaults(0)
        other.rule, other.column = self.rule.copy(), self.column.copy()
        return other

    def mark(self, bad: Flags, rule: int, column: int) -> None:
        """Record a fault where `bad` is True, for rows that have no fault yet."""
        self.mark_rules(np.where(bad, np.uint8(rule), np.uint8(GOOD)), column)

    def mark_rules(self, rules: Rules, column: int) -> None:
        """Record each rule other than GOOD, for rows that have no fault yet."""
        fresh = (rules != GOOD) & (self.rule == GOOD)
        if fresh.any():
            self.rule[fresh] = rules[fresh]
            self.column[fresh] = column


def join_rejected(parts: list[RejectedRows]) -> RejectedRows:
    """Concatenate rejected rows and sort them by line; rows of one line keep their order."""
    if not parts:
        return RejectedRows.without_column(np.empty(0, np.int64), GOOD, "", "")
    names = ("line", "rule", "column", "group", "series")
    line, rule, column, group, series = (
        np.concatenate([getattr(part, name) for part in parts]) for name in names
    )
    order = np.argsort(line, kind="stable")
    return RejectedRows(line[order], rule[order], column[order], group[order], series[order])
