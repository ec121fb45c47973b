"""Parts of the compared rows on which a verdict is given apart: months, bands of leads, daily peaks, ramps and public holidays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.align.features.calendar_features import on_holidays
from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.feed.lead_bands import band_text, lead_bands
from hindcast.pipeline.judge.interval_scores import in_top_decile
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.features import Holidays
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Part:
    """A kind of parts: `number` (row,) is the place in `names` of the part of each row, -1 if it is in none."""

    kind: str
    names: tuple[str, ...]
    number: Ints


def parts_of(table: Table, holidays: Flags | None) -> Iterator[Part]:
    """Yield the kinds of parts; `holidays` flags the rows on public holidays."""
    months, month = np.unique(
        table.time.astype("datetime64[ns]").astype("datetime64[M]"), return_inverse=True
    )
    yield Part("month", tuple(map(str, months)), month)
    bands, band = np.unique(lead_bands(table.leads(slice(None))), return_inverse=True)
    yield Part("lead", tuple(band_text(int(each)) for each in bands), band)
    if table.frequency < DAY:
        yield _flagged("daily_peak", daily_peaks(table), ("peak of the day",))
    yield _flagged("ramp", ramps(table), ("largest tenth of the changes",))
    if holidays is not None:
        yield Part("holiday", ("public holiday", "other day"), np.where(holidays, 0, 1))


def daily_peaks(table: Table) -> Flags:
    """Flag the compared row with the highest measured value of each series, track and day (UTC); the first of equal ones."""
    rows = np.flatnonzero(table.compared)
    peak = np.zeros(len(table), np.bool_)
    day = np.floor_divide(table.time[rows], DAY)
    series, track = table.series[rows], table.track[rows]
    order = np.lexsort((np.arange(len(rows)), -table.actual[rows].astype(np.float64), day, track, series))
    first = np.ones(len(rows), np.bool_)
    sorted_ = [column[order] for column in (series, track, day)]
    first[1:] = np.any([each[1:] != each[:-1] for each in sorted_], axis=0)
    peak[rows[order[first]]] = True
    return peak


def ramps(table: Table) -> Flags:
    """Flag the compared rows whose measured value differs from that of the step before by more than in nine tenths of the rows of the series."""
    change = np.full(len(table), np.nan)
    follows = (np.diff(table.time) == table.frequency) & (np.diff(table.series) == 0)
    follows &= np.diff(table.track) == 0
    change[1:][follows] = np.abs(np.diff(table.actual.astype(np.float64)))[follows]
    rows = np.flatnonzero(table.compared & ~np.isnan(change))
    ramp = np.zeros(len(table), np.bool_)
    ramp[rows] = in_top_decile(table.series[rows], change[rows])
    return ramp


def holiday_rows(table: Table, params: Params) -> Flags | None:
    """Flag the rows on public holidays of their group, by local days; None if `align.features.holidays` names none."""
    chosen = params.align.features.holidays
    if chosen is None:
        return None
    flags = np.zeros(len(table), np.bool_)
    for group, rows in table.rows_of_groups():
        name = table.names.groups[group]
        own = chosen if isinstance(chosen, Holidays) else chosen.get(name)
        if own is not None:
            is_label = params.raw.has_local_days
            time = table.time[rows]
            wall = time if is_label else wall_of(time, params.raw.zone_of(name) or "UTC")
            flags[rows] = on_holidays(wall, own) > 0
    return flags


def _flagged(kind: str, flags: Flags, names: tuple[str, ...]) -> Part:
    return Part(kind, names, np.where(flags, 0, -1))
