"""Rows that stand for longer than the later rows of their source: cut into pieces, counted, and noticed where none are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.asof import is_sorted
from hindcast.pipeline.align.cyclic import parts_of
from hindcast.pipeline.align.flags import RowFlags
from hindcast.pipeline.align.source_rows import SourceRows, series_codes
from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.settings.base import DAY, HOUR, SECOND
from hindcast.pipeline.settings.coarser import lengths_at
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import time_text

_FEWEST = 48  # distances on each side of a change of resolution
_MOST_ROWS = 1 << 18  # of the first series, which are looked at


def in_pieces(table: SourceRows, source: Source, pitch: int) -> SourceRows:
    """Return the rows with those of `coarser` parts cut into pieces of `pitch` ns: each has the value, of a sum its share.

    A piece has the known and issue time of its row. Rows of their own at the time of a piece are later and so preferred.
    """
    if not source.coarser:
        return table
    pieces = lengths_at(source.coarser, table.valid, pitch) // pitch
    row = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    cut = table.take(row) if len(row) != len(pieces) else table
    sums = {
        part
        for name, field in source.values.items()  # noqa: PD011 (no DataFrame)
        if field.resample == "sum"
        for part in parts_of(name, field)
    }
    values = {
        name: column / pieces[row] if name in sums else column
        for name, column in cut.values.items()  # noqa: PD011 (no DataFrame)
    }
    flags = {
        name: RowFlags(found.moment, np.where(number == 0, found.limit, np.int8(-1)))
        for name, found in cut.flags.items()
    }
    return replace(cut, valid=cut.valid + number * pitch, values=values, flags=flags)


def count_pieces(frames: Mapping[str, pd.DataFrame], params: Params, group: str) -> dict[str, Any]:
    """Return, by source with `coarser`, the number of rows of its parts, and of the pieces into which they are cut."""
    counts: dict[str, Any] = {}
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if source.coarser:
            pitch = params.raw.stamp_grid(source, group).pitch
            pieces = lengths_at(source.coarser, frame["valid_time"].to_numpy(np.int64), pitch) // pitch
            counts[name] = {"rows": int((pieces > 1).sum()), "pieces": int(pieces[pieces > 1].sum())}
    return counts


def find_coarser(frames: Mapping[str, pd.DataFrame], params: Params, group: str) -> list[str]:
    """Return a sentence for each source of a target or of forecasts with series that become finer once, at another time than
    `coarser` says, so that earlier steps are lost.

    Looks at the series in the first rows of each table; series that become finer at the same time are named together.
    """
    found = []
    for name, frame in frames.items():
        source = params.raw.sources[name]
        is_target = source.role == "realized" and set(params.align.target) & source.values.keys()  # noqa: PD011 (no DataFrame)
        is_forecast = source.role == "forecast" and source.interpolate is None
        if params.raw.has_local_days or frame.empty or not (is_target or is_forecast):
            continue
        pitch = params.raw.stamp_grid(source, group).pitch
        changes: dict[tuple[int, int], list[str]] = {}
        rows = _in_question(frame.iloc[:_MOST_ROWS], pitch)
        for series, times in rows.groupby("series", observed=True, sort=True)["valid_time"]:
            change = change_of(distinct := np.unique(times.to_numpy(np.int64)), pitch)
            if change is not None and not _is_declared(source, distinct, change, pitch):
                changes.setdefault(change, []).append(str(series))
        found += [_sentence(name, source, group, pitch, change, names) for change, names in changes.items()]
    return found


def _in_question(rows: pd.DataFrame, pitch: int) -> pd.DataFrame:
    """Return the rows of series that often have another distance than `pitch`, as few have; if rows are not sorted, all."""
    series, times = series_codes(rows)[0], rows["valid_time"].to_numpy(np.int64)
    if not is_sorted(series, times):
        return rows
    distances = np.diff(times)
    other = (np.diff(series) == 0) & (distances != 0) & (distances != pitch)
    return rows[(np.bincount(series[1:][other], minlength=int(series[-1]) + 1) > _FEWEST // 2)[series]]


def _is_declared(source: Source, times: Ints, change: tuple[int, int], pitch: int) -> bool:
    until, length = change
    due = np.where(times < until, length, pitch)
    return bool(source.coarser) and bool((lengths_at(source.coarser, times, pitch) == due).all())


def _sentence(  # noqa: PLR0917 - a sentence names all of these
    name: str, source: Source, group: str, pitch: int, change: tuple[int, int], series: list[str]
) -> str:
    until, length = change
    others = f" and of {len(series) - 1:,} more" if len(series) > 1 else ""
    part = f'`coarser: [{{until: "{time_text(until)}", spacing: {_words(length)}}}]`'
    if source.coarser:
        remedy = (
            f"correct `coarser` in raw.sources.{name}, which says otherwise, to {part}; if other series or groups change at "
            "another time, describe these as a source of their own"
        )
    elif source.has_issue:
        remedy = (
            f"write {part} in raw.sources.{name}, so that each row holds for its interval, or `interpolate: {_words(length)}`, so "
            "that values in between lie on a line"
        )
    else:
        remedy = f"write {part} in raw.sources.{name}"
    return (
        f"{name} of {group}: timestamps of series {series[0]!r}{others} are {_words(length)} apart until {time_text(until)}, "
        f"and {_words(pitch)} from then on, so that earlier steps without a timestamp have no value: {remedy}"
    )


def change_of(times: Ints, fine: int) -> tuple[int, int] | None:
    """Return when timestamps become `fine` and how far apart they are before; None if that does not happen exactly once."""
    distances = np.diff(times)
    is_fine = distances == fine
    if len(distances) < 2 * _FEWEST or is_fine.all() or not is_fine.any():
        return None
    last = len(is_fine) - 1 - int(np.argmax(~is_fine[::-1])) if not is_fine[-1] else len(is_fine)
    first = int(np.argmax(is_fine))
    early, late = distances[:first], distances[first:]
    if last < first or len(early) < _FEWEST or len(late) < _FEWEST:
        return None
    length = int(np.median(early))
    is_steady = np.mean(early == length) > 0.9 and np.mean(late == fine) > 0.9
    if not is_steady or length <= fine or length % fine or DAY % length:
        return None
    return int(times[first]), length


def _words(length: int) -> str:
    return f"{length // HOUR}h" if length % HOUR == 0 else f"{length // (60 * SECOND)}min"
