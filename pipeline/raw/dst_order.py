"""Resolves wall times that occur twice by the order of rows in a file (`ambiguous: in_order`, `in_reverse_order`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import Key
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.reject_rules import AMBIGUOUS, RejectedRows, join_rejected
from hindcast.pipeline.raw.rows import Rows
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import listed

_LEAST_STEPS = 24  # needed against the configured order, and more than three times as many as in that order


@dataclass(frozen=True)
class RowOrder:
    """The order of a series' rows in part of a file: the times (for forecasts, the leads; ns) of the first and the last
    row, and how often times rise and fall from row to row.
    """

    first: int
    last: int
    rises: int
    falls: int

    def followed_by(self, later: RowOrder) -> RowOrder:
        """Return the order in this part of the file and the next part together."""
        return RowOrder(
            self.first,
            later.last,
            self.rises + later.rises + (later.first > self.last),
            self.falls + later.falls + (later.first < self.last),
        )


def find_row_orders(rows: Rows, *, has_issue: bool) -> dict[Key, RowOrder]:
    """Return the row order of each series in a block."""
    records = rows.records
    if not len(records):
        return {}
    by_key = np.argsort(records.key, kind="stable")
    codes, times = records.key[by_key], (records.times[0] - (records.times[1] if has_issue else 0))[by_key]
    steps = np.sign(np.diff(times)) * (codes[1:] == codes[:-1])
    rises, falls = (
        np.bincount(codes[1:], weights=steps == sign, minlength=len(rows.keys)).astype(int)
        for sign in (1, -1)
    )
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(starts[1:], len(codes)) - 1
    return {
        rows.keys[code]: RowOrder(int(times[start]), int(times[end]), int(rises[code]), int(falls[code]))
        for code, start, end in zip(codes[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
    }


class AmbiguousTimeResolver:
    """Resolves wall times that occur twice by the order of rows in one file.

    Of the rows of a series (and issue) at such a time, the first is the earlier one and the second the later one
    (`in_reverse_order`: the reverse); a third is rejected. Rows rejected for their values count too.
    """

    def __init__(self, source: Source) -> None:
        self._time_fields = 2 if source.has_issue else 1  # revisions are rows of the same time
        field = source.valid_time
        self._newest_first = field is not None and field.ambiguous == "in_reverse_order"
        self._counts: dict[tuple[object, ...], int] = {}
        self._pairs: set[Key] = set()
        self._orders: dict[Key, RowOrder] = {}

    def resolve(self, rows: Rows) -> Rows:
        """Return the rows of the file's next block with their ambiguous times resolved."""
        ambiguous = rows.ambiguous
        if not len(ambiguous):
            return rows
        valid, surplus = rows.records.times[0].copy(), []
        places_and_keys = zip(ambiguous.place.tolist(), ambiguous.key.tolist(), strict=True)
        for row, (place, code) in enumerate(places_and_keys):
            moment = (rows.keys[code], *(int(times[row]) for times in ambiguous.times[: self._time_fields]))
            count = self._counts[moment] = self._counts.get(moment, 0) + 1
            if count == 2:
                self._pairs.add(rows.keys[code])
            if place < 0:
                continue
            if count > 2:
                surplus.append(place)
            elif (count == 1) == self._newest_first:
                valid[place] = ambiguous.later[row]
        resolved = replace(rows, records=replace(rows.records, times=(valid, *rows.records.times[1:])))
        return _reject(resolved, surplus) if surplus else resolved

    def add_orders(self, orders: Mapping[Key, RowOrder]) -> None:
        """Add the row orders of the file's next block."""
        for key, order in orders.items():
            self._orders[key] = self._orders[key].followed_by(order) if key in self._orders else order

    def check_order(self, file: str) -> None:
        """Raise RawDataError if the rows of the file are clearly in the opposite of the configured order."""
        contradicted = [
            f"series {series!r} of group {group!r}" if series else f"group {group!r}"
            for group, series in sorted(self._pairs & self._orders.keys())
            if self._is_contradicted(self._orders[group, series])
        ]
        if not contradicted:
            return
        setting, other, first = "in_order", "in_reverse_order", "newest"
        if self._newest_first:
            setting, other, first = other, setting, "oldest"
        raise RawDataError(
            f"{file}: the rows of {listed(contradicted, 3)} are sorted with the {first} first, so "
            f"`ambiguous: {setting}` would exchange the values of the hour that occurs twice: set valid_time's "
            f"`ambiguous: {other}`, and make a separate source for files in the opposite order."
        )

    def _is_contradicted(self, order: RowOrder) -> bool:
        against, along = order.falls, order.rises
        if self._newest_first:
            against, along = along, against
        return against >= _LEAST_STEPS and against > 3 * along


def _reject(rows: Rows, places: list[int]) -> Rows:
    names = [rows.keys[code] for code in rows.records.key[places]]
    groups = np.array([group for group, _ in names], object)
    series = np.array([series for _, series in names], object)
    rejected = RejectedRows.without_column(rows.records.line[places], AMBIGUOUS, groups, series)
    return replace(
        rows,
        records=rows.records.take(np.delete(np.arange(len(rows.records)), places)),
        rejected=join_rejected([rows.rejected, rejected]),
    )
