"""Statistics over the members of ensemble forecasts: one row per series, issue time, timestamp and known time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.asof import is_sorted
from hindcast.pipeline.align.cyclic import parts_of
from hindcast.pipeline.align.vintage_rows import complete_members, count_member_amounts
from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.settings.ensembles import level_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import time_text

Frames = Mapping[str, pd.DataFrame]
_TIMES = ("valid_time", "issue_time", "known_time")
_KEYS = ["series", "valid_time", "issue_time"]


def without_members(frames: Frames, params: Params, group: str = "") -> dict[str, pd.DataFrame]:
    """Return the frames of a group, those of ensembles with the statistics over their members in place of members and values.

    A statistic is taken over the members that are known at the time, in the order of their names: where members of one
    timestamp become known one after another, each of these times has a row of its own. Amounts of accumulated values are
    computed for each member first.
    """
    made = dict(frames)
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if source.has_members:
            is_sum = source.sums_members and not frame.empty
            made[name] = _statistics(
                complete_members(frame, source, params, group) if is_sum else frame, source
            )
    return made


def count_members(frames: Frames, params: Params, group: str) -> dict[str, Any]:
    """Return, by source with members: their number, the rows (timestamps of a vintage), those that lack members, and an example.

    A member without any value of the source lacks.
    """
    counts: dict[str, Any] = {}
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if not source.has_members or frame.empty:
            continue
        has_value = np.logical_or.reduce([frame[value].notna().to_numpy() for value in source.values])  # noqa: PD011 (no DataFrame)
        rows = frame[[*_KEYS, "member"]].assign(has_value=has_value).drop_duplicates()
        present = rows.groupby(_KEYS, observed=True, sort=True)["has_value"].sum()
        most = int(frame["member"].nunique())
        lacking = present[present < most]
        counts[name] = {"members": most, "rows": len(present), "incomplete": len(lacking)}
        if len(lacking):
            series, valid, issue = lacking.index[0]
            owner = f"{group}/{series}" if series else group
            counts[name]["example"] = (
                f"{owner}, issued {time_text(int(issue))}, for {time_text(int(valid))}: "
                f"{int(lacking.iloc[0])} of {most} members"
            )
    return counts


def count_amounts_of_members(frames: Frames, params: Params, group: str) -> dict[str, Any]:
    """Return what `count_amounts` returns, by `source.value`, of the sources with members."""
    return {
        f"{name}.{value}": entry
        for name, frame in frames.items()
        if (source := params.raw.sources[name]).sums_members and not frame.empty
        for value, entry in count_member_amounts(frame, source, params, group).items()
    }


def _statistics(frame: pd.DataFrame, source: Source) -> pd.DataFrame:
    rows = _as_known(frame)
    series, times = _codes(rows["series"]), [rows[name].to_numpy(np.int64) for name in _TIMES]
    starts = np.flatnonzero(_changes(series, *times))
    made: dict[str, Any] = {"series": rows["series"].iloc[starts].array}
    made |= {name: column[starts] for name, column in zip(_TIMES, times, strict=True)}
    for name, field in source.values.items():  # noqa: PD011 (no DataFrame)
        wanted = dict(zip(parts_of(name, field), field.members, strict=True))
        made |= _of_value(rows[name].to_numpy(np.float64), starts, wanted)
    return pd.DataFrame(made)


def _as_known(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by series, valid, issue and known time and member; the last revision of each member for each known time."""
    rows = frame.assign(code=_codes(frame["member"]), owner=_codes(frame["series"]))
    order = ["owner", *_TIMES, "code"]
    if not is_sorted(*(rows[name].to_numpy(np.int64) for name in order)):
        rows = rows.sort_values(order, kind="stable")
    keys = [rows[name].to_numpy(np.int64) for name in order]
    stamp = np.cumsum(_changes(*keys[:3])) - 1
    if (_changes(stamp) == _changes(stamp, keys[3])).all():  # all members become known together
        return rows
    rows["stamp"] = stamp
    moments = rows[["stamp", "known_time"]].drop_duplicates()
    joined = moments.merge(rows, on="stamp", suffixes=("", "_of_row"))
    joined = joined[joined["known_time_of_row"] <= joined["known_time"]]
    of_member = ["stamp", "known_time", "code"]
    joined = joined.sort_values([*of_member, "known_time_of_row"], kind="stable")
    return joined.drop_duplicates(of_member, keep="last")


def _of_value(values: Floats, starts: Ints, wanted: Mapping[str, str]) -> dict[str, Floats]:
    """Compute statistics (G,) of the values (R,) of each group that starts at `starts` (G,); NaN for a group without a value."""
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    order = np.lexsort((values, group))  # missing values are last
    ranked = values[order]
    count = np.add.reduceat(~np.isnan(values), starts, dtype=np.int64) if len(starts) else starts
    none = count == 0
    last = starts + np.maximum(count, 1) - 1
    lowest, highest = ranked[starts], ranked[last]
    mean = _sums(values, starts) / np.maximum(count, 1)
    made: dict[str, Floats] = {}
    for part, statistic in wanted.items():
        if statistic == "mean":
            column = mean
        elif statistic == "spread":
            square = _sums((values - mean[group]) ** 2, starts) / np.maximum(count, 1)
            column = np.where(lowest == highest, 0.0, np.sqrt(square))
        else:
            level = {"min": 0.0, "max": 1.0}.get(statistic, level_of(statistic))
            assert level is not None  # settings check the names
            place = level * (np.maximum(count, 1) - 1)
            low = np.floor(place).astype(np.int64)
            left, right = ranked[starts + low], ranked[np.minimum(starts + low + 1, last)]
            column = left + (right - left) * (place - low)
        made[part] = np.where(none, np.nan, column)
    return made


def _sums(values: Floats, starts: Ints) -> Floats:
    filled = np.where(np.isnan(values), 0.0, values)
    return np.add.reduceat(filled, starts) if len(starts) else filled


def _changes(*keys: Ints) -> Flags:
    """Flag the rows that differ from the row before in any key; the first row does."""
    differs = np.ones(len(keys[0]), np.bool_)
    differs[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return differs


def _codes(column: Any) -> Ints:
    """Return numbers in the order of the names."""
    categories = column.astype("category").cat
    rank = np.argsort(np.argsort(categories.categories.astype(str).to_numpy(), kind="stable"), kind="stable")
    codes: Ints = rank[categories.codes.to_numpy()].astype(np.int64) if len(rank) else np.empty(0, np.int64)
    return codes
