"""The typed rows of a group as plain arrays, with series as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hindcast.pipeline.align.cyclic import in_parts, parts_of
from hindcast.pipeline.align.flags import RowFlags, flag_rows
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Role, Source

SHARED = -1
"""The series of a row that holds for every series of the group."""

_UNUSED = -2  # the series of rows of a known source whose series is not forecast


@dataclass(frozen=True)
class SourceRows:
    """The rows of one source, R of them."""

    series: Ints  # (R,) number of the series, or SHARED
    valid: Times  # (R,) the time on the grid as which the timestamp counts
    known: Times  # (R,)
    issue: Times  # (R,) the issue time; the known time if the source has none
    values: Mapping[str, Floats]  # name -> (R,), NaN = missing
    flags: Mapping[str, RowFlags] = field(default_factory=dict)  # by part, of values with limits

    def take(self, kept: Ints) -> SourceRows:
        """Return the rows at these indices."""
        if len(kept) == len(self.valid):
            return self
        values = {name: column[kept] for name, column in self.values.items()}
        flags = {name: found.take(kept) for name, found in self.flags.items()}
        return SourceRows(
            self.series[kept], self.valid[kept], self.known[kept], self.issue[kept], values, flags
        )

    def without_flagged(self, source: Source) -> SourceRows:
        """Return the rows with NaN for values that were flagged by the time at which they became known, as `on_flag` says."""
        changed = {
            part: np.where(self.flags[part].moment <= self.known, np.nan, self.values[part])
            for name, field_ in source.values.items()  # noqa: PD011 (no DataFrame)
            if field_.counts_as_missing
            for part in parts_of(name, field_)
        }
        return replace(self, values={**self.values, **changed}) if changed else self

    def matrix(self, names: tuple[str, ...]) -> Floats:
        """Return some of the values as (R, V)."""
        columns = [self.values[name] for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.valid), 0))

    def with_values(self) -> SourceRows:
        """Return the rows with at least one value."""
        empty = np.logical_and.reduce([np.isnan(column) for column in self.values.values()])
        return self.take(np.flatnonzero(~empty))


def read_rows(
    frames: Mapping[str, pd.DataFrame], params: Params, group: str = ""
) -> tuple[tuple[str, ...], dict[str, SourceRows]]:
    """Return the sorted names of the series of a group, and the rows of each source before `align.until`.

    Timestamps near the grid are rounded to it, as `off_grid.round` of their source says.

    The series are the names in realized and forecast sources. If these name none, the group has the single series "",
    to which the rows for every series belong as well.
    """
    coded, kept, stamps, grids, until = {}, {}, {}, {}, params.align.until
    used: set[str] = set()
    for source, frame in frames.items():
        codes, names = coded[source] = series_codes(frame)
        grid = grids[source] = params.raw.stamp_grid(params.raw.sources[source], group)
        valid = stamps[source] = grid.settle(frame["valid_time"].to_numpy(np.int64))
        kept[source] = (
            np.arange(len(valid))
            if until is None
            else np.flatnonzero((grid.start_of(valid) if grid.zone else valid) < until)
        )
        if params.raw.sources[source].role != "known":
            used.update(names[code] for code in np.flatnonzero(np.bincount(codes[kept[source]])))
    series = tuple(sorted(used - {""})) or tuple(used)
    number = {"": SHARED} | {name: at for at, name in enumerate(series)}
    tables = {}
    for source, frame in frames.items():
        codes, names = coded[source]
        of_code = np.array([number.get(name, _UNUSED) for name in names], np.int64)
        numbers, at = of_code[codes], kept[source]
        if _UNUSED in of_code:
            at = at[numbers[at] != _UNUSED]
        table = _table(frame, params.raw.sources[source].values, numbers, stamps[source]).take(at)
        in_days = replace(table, valid=grids[source].labels(table.valid))
        tables[source] = replace(table, flags=_flags(frame, at, in_days, params, source))
    return series, tables


def split_shared(table: SourceRows) -> Iterator[tuple[bool, SourceRows]]:
    """Yield (is shared, rows) for the rows of single series and for the shared rows, if there are any."""
    shared = table.series == SHARED
    for is_shared in (False, True):
        kept = np.flatnonzero(shared == is_shared)
        if len(kept):
            yield is_shared, table.take(kept)


def sources_with_role(params: Params, tables: Mapping[str, SourceRows], *roles: Role) -> tuple[str, ...]:
    """Return the sources of some roles that have rows in this group, in the order of the settings."""
    return tuple(
        name for name, source in params.raw.table_sources.items() if source.role in roles and name in tables
    )


def series_codes(frame: pd.DataFrame) -> tuple[Ints, list[str]]:
    """Return the number of the series of each row, and the name of each number."""
    column = frame["series"]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, np.int64), [str(name) for name in column.cat.categories]
    codes, names = pd.factorize(column.to_numpy(object))
    return np.asarray(codes, np.int64), [str(name) for name in names]


def _table(frame: pd.DataFrame, fields: Mapping[str, ValueField], series: Ints, valid: Times) -> SourceRows:
    known = frame["known_time"].to_numpy(np.int64)
    issue = frame["issue_time"].to_numpy(np.int64) if "issue_time" in frame else known
    values = in_parts(
        {
            name: frame[name].to_numpy(np.float64)
            for value, field_ in fields.items()
            for name in (parts_of(value, field_) if field_.members else (value,))
        },
        fields,
    )
    return SourceRows(series, valid, known, issue, values)


def _flags(
    frame: pd.DataFrame, at: Ints, table: SourceRows, params: Params, name: str
) -> dict[str, RowFlags]:
    """Flag the values of the rows `at` that have limits; runs are as long as `table.valid` says."""
    source, flags = params.raw.sources[name], dict[str, RowFlags]()
    step = (source.spacing or params.raw.frequency).ns
    keys = (table.issue, table.series) if source.has_issue else (table.series,)
    for value, field_ in source.values.items():  # noqa: PD011 (no DataFrame)
        if field_.flag is not None and field_.on_flag != "quarantine":  # ingest has acted on those
            column = frame[value].to_numpy(np.float64)[at]
            found = flag_rows(column, keys, (table.valid, table.known), field_.flag, step)
            flags |= dict.fromkeys(parts_of(value, field_), found)
    return flags


def count_flags(tables: Mapping[str, SourceRows], params: Params) -> dict[str, dict[str, dict[str, int]]]:
    """Return the number of values beyond each limit: source -> value -> limit -> count, of values with limits."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for name, table in tables.items():
        for value, field_ in params.raw.sources[name].values.items():  # noqa: PD011 (no DataFrame)
            part = parts_of(value, field_)[0]
            if part in table.flags:
                counts.setdefault(name, {})[value] = table.flags[part].counts()
    return counts
