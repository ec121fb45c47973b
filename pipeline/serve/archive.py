"""The archive of input rows: every row from which a forecast was made, with the time at which it was first seen, because files are overwritten.

It is append-only: each forecast adds a part with the rows that were not stored yet. The clock stands here and in the records of forecasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import TIME_MIN, Flags, Ints
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.files import hold_lock
from hindcast.pipeline.serve.archive_index import Index, Live
from hindcast.pipeline.serve.archive_parts import (
    FOLDER,
    GONE,
    GROUP,
    SEEN,
    PartWriter,
    part_path,
    part_paths,
    part_schema,
    read_groups_together,
    read_parts,
    schema_of_parts,
)
from hindcast.pipeline.serve.row_digests import Digests, digests_of_rows, ranked
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import table_schema

FIRST_SEEN = "first_seen"


@dataclass(frozen=True)
class Span:
    """The rows that a forecast of a group reads: timestamps from `since` on, known by `until` (ns UTC)."""

    since: int
    until: int


class Archive:
    """Stores the rows of one forecast: a context in which `add` is called for each group; on leaving it the parts are complete.

    `sources` are those with tables, `since` the earliest timestamp of all groups, `now` the time in ns UTC. If the context is left by an exception,
    nothing is stored. Afterwards `parts` has the number of parts of each source that has some. Raises MissingInputError or FormatError if a part is missing or damaged.
    """

    def __init__(self, root: Path, sources: Mapping[str, Source], since: int, now: int) -> None:
        self._root, self._sources, self._since, self._now = root, sources, since, now
        self._open = ExitStack()
        self._stores: dict[str, _SourceStore] = {}
        self.parts: dict[str, int] = {}

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(hold_lock(self._root / FOLDER / ".lock"))
            self._stores = {
                name: _SourceStore(self._root, name, source, self._since, self._now)
                for name, source in self._sources.items()
            }
            self._open = opening.pop_all()
        return self

    def add(self, group: str, frames: Mapping[str, pd.DataFrame], span: Span) -> None:
        """Add the rows of a group that lie in `span`, by source, as `read_table` gives them; a source without rows may be left out."""
        for name, store in self._stores.items():
            store.add(group, frames.get(name), span)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            for store in self._stores.values():
                if kind is not None:
                    store.discard()
                elif count := store.close():
                    self.parts[store.name] = count


class _SourceStore:
    """Finds the rows of a source that are not stored yet, and writes them to its next part."""

    def __init__(self, root: Path, name: str, source: Source, since: int, now: int) -> None:
        self.name, self._source, self._since = name, source, since
        self._index = Index(root, name, source, since)
        self._number = len(self._index.paths) + 1
        self._part = PartWriter(part_path(root, name, self._number), source, now)
        self._gone: dict[str, Digests] = {}
        self._changed = False

    def add(self, group: str, frame: pd.DataFrame | None, span: Span) -> None:
        since = TIME_MIN if self._source.is_static else span.since
        digests, valid = np.empty(0, np.uint64), np.empty(0, np.int64)
        if frame is not None and len(frame):
            digests, valid = digests_of_rows(frame, self._source), frame["valid_time"].to_numpy(np.int64)
        days = self._index.changed_days(group, digests, valid, since, span.until)
        if not len(days):
            return
        before = self._index.load(group, days)
        here = np.flatnonzero(np.isin(valid // DAY, days))
        order = here[np.argsort(digests[here])]
        new = order[~_contains(before.digest, digests[order])]
        inside = (before.known <= span.until) & (before.valid >= since)
        gone = inside & ~_contains(digests[order], before.digest)
        live = before.take(~gone)
        if frame is not None and len(new):
            new.sort()  # in the order of the table
            added = frame.iloc[new]
            self._part.write(group, added)
            times = (added[name].to_numpy(np.int64) for name in ("valid_time", "known_time"))
            live = live.joined(Live(digests[new], *times))
        if len(new) or gone.any():
            self._save(group, days, live, before.digest[gone])

    def close(self) -> int:
        """Complete the part; returns how many there are."""
        self._write_gone()
        written = self._part.close()
        count = self._number if written else self._number - 1
        if self._changed:
            self._index.finish(count)
        return count

    def discard(self) -> None:
        self._part.discard()

    def _save(self, group: str, days: Ints, live: Live, gone: Digests) -> None:
        if not self._changed:
            self._index.begin()
            self._changed = True
        self._index.save(group, days, live)
        if len(gone):
            self._gone[group] = gone

    def _write_gone(self) -> None:
        """Write the rows that the files have no more, which are read from the parts: there are few, or none."""
        for groups in read_groups_together(self._index.paths, sorted(self._gone)):
            self._write_gone_of(groups)

    def _write_gone_of(self, groups: Sequence[str]) -> None:
        since = None if self._source.is_static else self._since
        left = {group: self._gone[group] for group in groups}
        paths = self._index.paths[::-1]
        for frame in read_parts(paths, part_schema(self._source), since, groups):
            digests, stored = digests_of_rows(frame, self._source), frame[GONE].to_numpy() == 0
            for name, rows in sorted(frame.groupby(GROUP, observed=True).indices.items()):
                group = str(name)
                if group not in left:
                    continue
                here_stored = rows[stored[rows]]
                found, first = np.unique(digests[here_stored], return_index=True)
                here = _contains(found, left[group])
                if here.any():
                    taken = np.sort(here_stored[first[np.searchsorted(found, left[group][here])]])
                    self._part.write(group, frame.iloc[taken], gone=True)
                    left[group] = left[group][~here]
            left = {group: wanted for group, wanted in left.items() if len(wanted)}
            if not left:
                break


def _contains(ascending: Digests, wanted: Digests) -> Flags:
    """Return which of the digests, ascending as well, are among the others."""
    if not len(ascending):
        return np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(ascending, wanted)
    found: Flags = ascending[np.minimum(at, len(ascending) - 1)] == wanted
    return found


def first_seen(root: Path, source: str, group: str) -> pd.DataFrame:
    """Return every row of a group that was ever stored, with the time at which it was first seen, in ns UTC.

    Columns: those of tables (`series`, `member`, `issue_time`, `valid_time`, `known_time`, and the values), and `first_seen`; sorted by key, then by
    `first_seen`. A row whose values were overwritten is there with each of them. What the first call stored had been in the files for an unknown time before.
    Raises MissingInputError if the archive has nothing of the source, FormatError if a part is damaged.
    """
    paths = part_paths(root, source)
    if not paths:
        raise MissingInputError(
            f"{root / FOLDER} has no rows of the source {source}: `hindcast predict` stores them with predict.archive: true."
        )
    frames = list(read_parts(paths, schema_of_parts(paths), None, [group]))
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[rows[GONE] == 0].drop(columns=[GROUP, GONE]).rename(columns={SEEN: FIRST_SEEN})
    rows["series"] = rows["series"].astype("category")
    columns = [name for name in rows.columns if name != FIRST_SEEN]
    rows = rows.sort_values(FIRST_SEEN, kind="stable").drop_duplicates(columns)
    return in_order_of_tables(rows, FIRST_SEEN)


def rows_seen(
    root: Path, name: str, source: Source, parts: int, spans: Mapping[str, Span]
) -> dict[str, pd.DataFrame]:
    """Return the rows of each group in its span that the files had when part number `parts` of the source was written, as `read_table` gives them.

    Raises MissingInputError if the archive has fewer parts, FormatError if one is damaged.
    """
    paths = part_paths(root, name)
    if len(paths) < parts:
        raise MissingInputError(
            f"{part_path(root, name, parts)} is missing: the record refers to {parts} parts of the source {name}, the archive has {len(paths)}."
        )
    since = None if source.is_static else min(span.since for span in spans.values())
    frames = list(read_parts(paths[:parts], part_schema(source), since, sorted(spans)))
    if not frames:
        return {}
    rows = pd.concat(frames, ignore_index=True)
    found = {}
    for group, places in rows.groupby(rows[GROUP].astype("string"), sort=True).indices.items():
        span, mine = spans[str(group)], rows.iloc[np.sort(places)]
        digests = pd.Series(digests_of_rows(mine, source))
        last = ~digests.duplicated(keep="last").to_numpy()
        kept = last & (mine[GONE] == 0).to_numpy() & (mine["known_time"] <= span.until).to_numpy()
        if not source.is_static:
            kept &= (mine["valid_time"] >= span.since).to_numpy()
        columns = table_schema(source).names
        if kept.any():
            found[str(group)] = in_order_of_tables(mine.loc[kept, columns])
    return found


def in_order_of_tables(rows: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Return rows in the order of tables: by series, member, valid, issue and known time, then by `more`; `series` and `member` are categories."""
    texts = {name: ranked(rows[name]) for name in ("series", "member") if name in rows}
    times = [name for name in ("valid_time", "issue_time", "known_time") if name in rows]
    keys = [*(rank for rank, _ in texts.values()), *(rows[name].to_numpy() for name in (*times, *more))]
    order = np.lexsort(keys[::-1])
    made = rows.iloc[order].reset_index(drop=True)
    for name, (rank, names) in texts.items():
        made[name] = (
            pd.Categorical(np.array(names, object)[rank[order]], names) if names else pd.Categorical([])
        )
    return made
