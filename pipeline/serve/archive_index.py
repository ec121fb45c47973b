"""What the archive has, in short: for each group of a source the digests of its rows that the files still had at the last call, by day.

A call compares the rows of each day by one sum, and reads only the digests of the days that differ. The index saves reading the parts at each
call, and can be removed at any time: it is made again from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.files import digest_of_file, digest_of_value, file_name, replace_file
from hindcast.pipeline.serve.archive_parts import (
    GONE,
    GROUP,
    part_paths,
    part_schema,
    read_groups_together,
    read_parts,
)
from hindcast.pipeline.serve.row_digests import Digests, digests_of_rows
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.raw import Source

FOLDER = Path(".hindcast/service/archive")
_FORMAT = "hindcast-archive-index/2"
_SLACK = 14 * DAY  # rows that no call reads any more stay in the index for so long
_DAMAGE = (OSError, ValueError, EOFError)

_ROW = np.dtype([("digest", "<u8"), ("valid", "<i8"), ("known", "<i8")])
_DAY = np.dtype(
    [
        ("day", "<i8"),  # of the timestamps, since 1970
        ("start", "<i8"),  # the first of its rows in the file of the group
        ("count", "<i8"),
        ("total", "<u8"),  # the sum of the digests of its rows
        ("times", "<u8"),  # the sum of their times, which shows damage
        ("first", "<i8"),  # the earliest timestamp
        ("last", "<i8"),  # the latest known time
    ]
)
_NO_DAYS: NDArray[Any] = np.empty(0, _DAY)


@dataclass(frozen=True)
class Live:
    """Rows of a group that the files had at the last call, ascending by digest."""

    digest: Digests  # (R,)
    valid: Times  # (R,)
    known: Times  # (R,)

    @classmethod
    def of_events(cls, events: tuple[Digests, Times, Times], gone: Flags) -> Live:
        """Return the rows whose last event, in the order given, is not that they are gone."""
        digest, valid, known = events
        order = np.argsort(digest, kind="stable")
        last = np.append(digest[order][1:] != digest[order][:-1], True)[: len(order)]
        kept = order[last & ~gone[order]]
        return cls(digest[kept], valid[kept], known[kept])

    def take(self, kept: Flags) -> Live:
        """Return some of the rows."""
        return Live(self.digest[kept], self.valid[kept], self.known[kept])

    def joined(self, other: Live) -> Live:
        """Return the rows of both, which have none in common."""
        digest = np.concatenate([self.digest, other.digest])
        valid, known = np.concatenate([self.valid, other.valid]), np.concatenate([self.known, other.known])
        order = np.argsort(digest, kind="stable")
        return Live(digest[order], valid[order], known[order])


NOTHING = Live(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))


class Index:
    """The index of one source: all rows with a timestamp from `since` on, and perhaps some earlier ones.

    Where it does not fit the parts, or lacks rows from `since` on, it is made again. Call `begin` before the first `save` and `finish` after the
    part is in its place: an index that a killed process has begun to change is made again by the next one.

    A group has a file of rows, to which the days that change are appended; `days.npy` says where each day lies. A file with more rows
    out of use than in use is written anew.
    """

    def __init__(self, root: Path, name: str, source: Source, since: int) -> None:
        self._folder = root / FOLDER / file_name(name)
        self._state, self._listing = self._folder / "state.json", self._folder / "days.npy"
        self._source = source
        columns = part_schema(source).names
        self._changing = self._lost = False
        self._key = f"{_FORMAT} {digest_of_value([columns, pd.__version__])}"
        self.paths = part_paths(root, name)
        self._days: dict[str, NDArray[Any]] = {}
        self._ends: dict[str, int] = {}  # rows in the file of each group, in use or not
        self.since = since
        if not self._open(since):
            self._rebuild()
        self._kept_since = since if since > self.since + _SLACK else self.since

    def changed_days(self, group: str, digests: Digests, valid: Times, since: int, until: int) -> Ints:
        """Return the days on which the given rows of a group may not be those that the index has from `since` on and known by `until`."""
        known, found = self._days.get(group, _NO_DAYS), _sums_by_day(digests, valid)
        at = np.minimum(np.searchsorted(known["day"], found["day"]), max(len(known) - 1, 0))
        same = np.zeros(len(found), np.bool_)
        if len(known):
            here = known[at]
            same = (here["first"] >= since) & (here["last"] <= until)
            for name in ("day", "count", "total"):
                same &= here[name] == found[name]
        lost = ~np.isin(known["day"], found["day"]) & (known["day"] >= since // DAY)
        return np.concatenate([found["day"][~same], known["day"][lost]])

    def load(self, group: str, days: Ints) -> Live:
        """Return the rows of a group on some days."""
        known = self._days.get(group, _NO_DAYS)
        chosen = known[np.isin(known["day"], days)]
        if not len(chosen):
            return NOTHING
        with suppress(*_DAMAGE):
            return _live(self._read(group, chosen))
        self._rebuild()
        return self.load(group, days)

    def begin(self) -> None:
        """State that the index is being changed."""
        self._changing = True
        self._state.unlink(missing_ok=True)

    def save(self, group: str, days: Ints, live: Live) -> None:
        """Keep these rows of a group for some days; those of other days stay."""
        known = self._days.get(group, _NO_DAYS)
        known = known[~np.isin(known["day"], days)]
        if self._kept_since > self.since and not self._source.is_static:
            live = live.take(live.valid >= self._kept_since)
            known = known[known["day"] >= self._kept_since // DAY]
        in_use = int(known["count"].sum())
        if self._ends.get(group, 0) - in_use >= in_use + len(live.digest):
            with suppress(*_DAMAGE):
                live = live.joined(_live(self._read(group, known)))
                known = _NO_DAYS
                self._path(group).unlink()
                self._ends[group] = 0
        self._append(group, known, live)

    def finish(self, parts: int) -> None:
        """State that the index has all rows of so many parts."""
        if not self._lost:
            self._write_state(parts, self._kept_since)

    def _open(self, since: int) -> bool:
        """Read where the days lie; return whether that fits the parts."""
        found = read_checked(self._state, self._key)
        if found is None or found["parts"] != len(self.paths) or found["since"] > since:
            return False
        with suppress(*_DAMAGE):
            if digest_of_file(self._listing) != found["days"]:
                return False
            days = np.load(self._listing, allow_pickle=False)
            self.since, place = int(found["since"]), 0
            for group, (count, end) in found["groups"].items():
                self._days[group], self._ends[group] = days[place : place + count], end
                place += count
            return True
        return False

    def _rebuild(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._days, self._ends = {}, {}
        for group, live in live_rows(self.paths, self._source, self.since):
            self._append(group, _NO_DAYS, live)
        if self._changing:
            self._lost = True  # the parts lack what this call has added
        else:
            self._write_state(len(self.paths), self.since)

    def _write_state(self, parts: int, since: int) -> None:
        days = np.concatenate([_NO_DAYS, *self._days.values()])
        with replace_file(self._listing, flushed=False) as temporary, temporary.open("wb") as stream:
            np.save(stream, days)
        groups = {group: [len(days), self._ends[group]] for group, days in self._days.items()}
        state = {"parts": parts, "since": since, "groups": groups, "days": digest_of_file(self._listing)}
        write_checked(self._state, self._key, state)

    def _append(self, group: str, known: NDArray[Any], live: Live) -> None:
        """Write rows behind those in the file of a group, in the order of their days."""
        order = np.argsort(live.valid // DAY, kind="stable")
        rows = np.empty(len(order), _ROW)
        for name in ("digest", "valid", "known"):
            rows[name] = getattr(live, name)[order]
        end = self._ends.get(group, 0)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._path(group).open("r+b" if end else "wb") as stream:
            stream.seek(end * _ROW.itemsize)
            stream.write(rows.tobytes())
            stream.truncate()
        added = _sums_by_day(rows["digest"], rows["valid"])
        _describe(added, rows)
        added["start"] += end
        days = np.concatenate([known, added])
        self._days[group], self._ends[group] = days[np.argsort(days["day"])], end + len(rows)

    def _read(self, group: str, days: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of some days; raises ValueError if they are not those that were written."""
        found = [np.empty(0, _ROW)]
        with self._path(group).open("rb") as stream:
            for day in days:
                stream.seek(int(day["start"]) * _ROW.itemsize)
                rows = np.frombuffer(stream.read(int(day["count"]) * _ROW.itemsize), _ROW)
                if not len(rows) or (rows["digest"].sum(), _times(rows).sum()) != (
                    day["total"],
                    day["times"],
                ):
                    raise ValueError
                found.append(rows)
        return np.concatenate(found)

    def _path(self, group: str) -> Path:
        return self._folder / f"{file_name(group)}.rows"


def _sums_by_day(digests: Digests, valid: Times) -> NDArray[Any]:
    """Return the number of rows and the sum of their digests by day, ascending by day."""
    day = valid // DAY
    begins = np.flatnonzero(np.concatenate([[True], day[1:] != day[:-1]])[: len(day)])
    days, place = np.unique(day[begins], return_inverse=True)
    made = np.zeros(len(days), _DAY)
    made["day"] = days
    np.add.at(made["count"], place, np.diff(np.append(begins, len(day))))
    if len(begins):
        np.add.at(made["total"], place, np.add.reduceat(digests, begins))
    return made


def _describe(days: NDArray[Any], rows: NDArray[Any]) -> None:
    """Set the place and the bounds of days whose rows follow each other."""
    if not len(days):
        return
    start = days["start"] = np.cumsum(days["count"]) - days["count"]
    days["times"] = np.add.reduceat(_times(rows), start)
    days["first"] = np.minimum.reduceat(rows["valid"], start)
    days["last"] = np.maximum.reduceat(rows["known"], start)


def _times(rows: NDArray[Any]) -> NDArray[np.uint64]:
    times: NDArray[np.uint64] = rows["valid"].view(np.uint64) + 3 * rows["known"].view(np.uint64)
    return times


def _live(rows: NDArray[Any]) -> Live:
    rows = rows[np.argsort(rows["digest"], kind="stable")]
    return Live(*(np.ascontiguousarray(rows[name]) for name in ("digest", "valid", "known")))


def live_rows(paths: Sequence[Path], source: Source, since: int) -> Iterator[tuple[str, Live]]:
    """Yield each group with its rows from `since` on that the files had when the last of some parts was written."""
    earliest = None if source.is_static else since
    for groups in read_groups_together(paths):
        yield from _live_of_groups(paths, source, earliest, groups)


def _live_of_groups(
    paths: Sequence[Path], source: Source, earliest: int | None, groups: Sequence[str]
) -> Iterator[tuple[str, Live]]:
    number = {name: at for at, name in enumerate(groups)}
    found: list[list[Any]] = [[], [], [], [], []]
    for frame in read_parts(paths, part_schema(source), earliest, groups):
        names = frame[GROUP].cat
        of_name = np.array([number[str(name)] for name in names.categories], np.int64)
        columns = (
            of_name[names.codes.to_numpy()] if len(frame) else np.empty(0, np.int64),
            digests_of_rows(frame, source),
            frame["valid_time"].to_numpy(np.int64),
            frame["known_time"].to_numpy(np.int64),
            frame[GONE].to_numpy(np.int64) == 1,
        )
        for column, rows in zip(found, columns, strict=True):
            column.append(rows)
    group, digest, valid, known, gone = (np.concatenate(column) for column in found)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=len(groups)))
    for name, rows in zip(groups, np.split(order, ends[:-1]), strict=True):
        if len(rows):
            yield name, Live.of_events((digest[rows], valid[rows], known[rows]), gone[rows])
