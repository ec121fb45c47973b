"""When rows really arrived, from the archive: later than declared, overwritten with other values, or removed from the files."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.serve.alarms import Alarm
from hindcast.pipeline.serve.archive_parts import GONE, GROUP, SEEN, part_paths, read_parts, schema_of_parts
from hindcast.pipeline.serve.served_rows import ServedFile
from hindcast.pipeline.settings.base import DAY, HOUR, SECOND
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text

ARRIVED_LATE, OVERWRITTEN, REMOVED = "arrived_late", "overwritten", "removed"

_KEYS = ("series", "member", "issue_time", "valid_time")
_COLUMNS = (GROUP, *_KEYS, "known_time", SEEN, GONE)
BEFORE = 35 * DAY  # rows that became known in the window have timestamps at most this long before it


@dataclass(frozen=True)
class Arrivals:
    """What the archive says of one source and group, about the `rows` that were first stored in the window.

    `late` of them were missing at an earlier call that read later rows; the longest delay is that from the declared time to the call that
    found them. `overwritten` rows have replaced others of the same key and known time or not, `removed` ones have disappeared.
    """

    source: str
    group: str
    rows: int
    late: int
    longest_hours: float
    overwritten: int
    removed: int
    since: dict[str, int]  # the first call that found each kind

    def as_dict(self) -> dict[str, object]:
        """Return the counts as written to monitor.json."""
        names = ("group", "rows", "late", "longest_hours", "overwritten", "removed")
        return {name: getattr(self, name) for name in names}

    def alarms(self, tolerated: float) -> Iterator[Alarm]:
        """Yield an alarm for each kind that is more than a share of the rows."""
        for check, count, what in (
            (ARRIVED_LATE, self.late, f"arrived later than declared, by up to {self.longest_hours:.1f} h"),
            (OVERWRITTEN, self.overwritten, "replaced stored rows of the same key"),
            (REMOVED, self.removed, "were removed from the files"),
        ):
            whole = max(self.rows, count)
            if count > tolerated * whole:
                yield Alarm(
                    check=check,
                    source=self.source,
                    value="",
                    group=self.group,
                    series=(),
                    since=self.since[check],
                    text=f"{self.source}, {self.group}: {count:,} of {whole:,} rows {what}, first found at "
                    f"{time_text(self.since[check])}.",
                )


def read_arrivals(
    root: Path, params: Params, begin: int, clock: int, calls: Sequence[ServedFile]
) -> list[Arrivals]:
    """Return what the archive says of the rows first stored after `begin` and by `clock` (ns UTC), for each source and group.

    A call reads the rows of a group up to its origin. So a row arrived late if an earlier one of the `calls`, of which the records say when they were
    made, had a later origin, or had read a row with a later known time, and this row was not there. What the first call stored says nothing: it had
    been in the files for an unknown time.
    """
    stored = {
        name: frame
        for name, source in params.raw.table_sources.items()
        if not source.is_static and (frame := _stored(root, name, begin, clock)) is not None
    }
    if not stored:
        return []
    known = pd.concat([frame.loc[frame[GONE] == 0, [GROUP, SEEN, "known_time"]] for frame in stored.values()])
    reach = known.groupby([GROUP, SEEN], observed=True)["known_time"].max()
    found = []
    for name, frame in stored.items():
        for group, rows in frame.groupby(GROUP, observed=True, sort=True):
            if len(rows) and group in reach.index.get_level_values(0):
                looks = _looks(str(group), reach.loc[group], calls, clock)
                found.append(_arrivals(name, str(group), rows, looks, begin))
    return found


@dataclass(frozen=True)
class _Looks:
    """The L times at which the rows of a group were read, ascending, and the latest known time that was read by then; `first` is that of the first one."""

    times: Times
    until: Times
    first: int


def _looks(group: str, reach: pd.Series, calls: Sequence[ServedFile], clock: int) -> _Looks:
    made = [
        (each.created_at, each.origin)
        for each in calls
        if each.created_at is not None
        and each.created_at <= clock
        and (not each.groups or group in each.groups)
    ]
    times = np.concatenate([reach.index.to_numpy(np.int64), np.array([time for time, _ in made], np.int64)])
    until = np.concatenate([reach.to_numpy(np.int64), np.array([origin for _, origin in made], np.int64)])
    order = np.lexsort((until, times))
    return _Looks(times[order], np.maximum.accumulate(until[order]), int(reach.to_numpy(np.int64)[0]))


def _stored(root: Path, source: str, begin: int, clock: int) -> pd.DataFrame | None:
    paths = part_paths(root, source)
    if not paths:
        return None
    # parts are in the order of their calls: the earlier ones are not opened
    first = bisect_left(paths, begin - BEFORE, key=_call_of)
    used = paths[first:]
    if not used:
        return None
    schema = _only(schema_of_parts(used), _COLUMNS)
    rows = _joined(list(read_parts(used, schema, begin - BEFORE)))
    rows = rows[rows[SEEN] <= clock]
    return rows if len(rows) else None


def _call_of(path: Path) -> int:
    """Return when the call began that wrote a part."""
    (frame,) = read_parts([path], _only(schema_of_parts([path]), (SEEN,)))
    return int(frame[SEEN].iloc[0])


def _only(schema: Any, names: Sequence[str]) -> Any:
    for name in [name for name in schema.names if name not in names]:
        schema = schema.remove(schema.get_field_index(name))
    return schema


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all parts; the categories of a text are those of all of them."""
    texts = [name for name in (GROUP, "series", "member") if name in frames[0].columns]
    joined = {
        name: union_categoricals([frame[name] for frame in frames], sort_categories=True) for name in texts
    }
    others = [name for name in frames[0].columns if name not in texts]
    return pd.concat([frame[others] for frame in frames], ignore_index=True).assign(**joined)


def _arrivals(source: str, group: str, rows: pd.DataFrame, looks: _Looks, begin: int) -> Arrivals:
    seen, known = (np.asarray(rows[name].to_numpy(), np.int64) for name in (SEEN, "known_time"))
    key = rows.groupby([name for name in _KEYS if name in rows.columns], observed=True, dropna=False).ngroup()
    keys = np.asarray(key.to_numpy(), np.int64)
    is_gone = rows[GONE].to_numpy() == 1
    inside = (seen > begin) & (seen > looks.times[0])
    order = np.lexsort((is_gone, seen, keys))
    is_first = np.zeros(len(rows), np.bool_)
    is_first[order] = np.diff(keys[order], prepend=-1) != 0
    # records have whole seconds: a call within the second before is the one that stored the row
    before = looks.until[np.maximum(np.searchsorted(looks.times, seen - SECOND, side="right") - 1, 0)]
    replaced = _shared(keys, seen, is_gone)
    counted = inside & is_first & ~is_gone & ~replaced & (known > looks.first)
    late = counted & (known <= before)
    flags = {
        ARRIVED_LATE: late,
        OVERWRITTEN: inside & ~is_gone & replaced,
        REMOVED: inside & is_gone & ~replaced,
    }
    return Arrivals(
        source=source,
        group=group,
        rows=int(counted.sum()),
        late=int(late.sum()),
        longest_hours=float(((seen - known)[late] / HOUR).max(initial=0.0)),
        overwritten=int(flags[OVERWRITTEN].sum()),
        removed=int(flags[REMOVED].sum()),
        since={name: int(seen[flag].min()) if flag.any() else 0 for name, flag in flags.items()},
    )


def _shared(keys: Times, seen: Times, is_gone: Flags) -> Flags:
    """Return the rows (R,) whose key has both a new row and one that is gone at the same call."""
    _, place = np.unique(np.stack([keys, seen]), axis=1, return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    has_gone = np.bincount(place, is_gone, count) > 0
    has_new = np.bincount(place, ~is_gone, count) > 0
    shared: Flags = (has_gone & has_new)[place]
    return shared
