"""What the archive has, in short: for each group of a source the digests of its rows that the files still had at the last call.

It saves reading the parts at each call, and can be removed at any time: it is made again from them.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.files import digest_of_value, file_name, replace_file
from hindcast.pipeline.serve.archive_parts import GONE, GROUP, part_paths, part_schema, read_parts
from hindcast.pipeline.serve.row_digests import Digests, digests_of_rows
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.raw import Source

FOLDER = Path(".hindcast/service/archive")
_FORMAT = "hindcast-archive-index/1"
_SLACK = 14 * DAY  # rows that no call reads any more stay in the index for so long
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Live:
    """The rows of a group that the files had at the last call, ascending by digest."""

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
    """

    def __init__(self, root: Path, name: str, source: Source, since: int) -> None:
        self._folder = root / FOLDER / file_name(name)
        self._state = self._folder / "state.json"
        self._source = source
        columns = part_schema(source).names
        self._changing = False
        self._key = f"{_FORMAT} {digest_of_value([columns, pd.__version__])}"
        self.paths = part_paths(root, name)
        found = read_checked(self._state, self._key)
        if found is None or found["parts"] != len(self.paths) or found["since"] > since:
            self.since, self._groups = since, set[str]()
            self._rebuild()
        else:
            self.since, self._groups = int(found["since"]), set(found["groups"])
        self._kept_since = since if since > self.since + _SLACK else self.since

    def load(self, group: str) -> Live:
        """Return the rows of a group."""
        path = self._path(group)
        if group not in self._groups:
            return NOTHING
        with suppress(*_DAMAGE), path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Live(arrays["digest"], arrays["valid"], arrays["known"])
        self._rebuild()
        return self.load(group)

    def begin(self) -> None:
        """State that the index is being changed."""
        self._changing = True
        self._state.unlink(missing_ok=True)

    def save(self, group: str, live: Live) -> None:
        """Keep the rows of a group."""
        if self._kept_since > self.since and not self._source.is_static:
            live = live.take(live.valid >= self._kept_since)
        self._write(group, live)

    def finish(self, parts: int) -> None:
        """State that the index has all rows of so many parts."""
        self._write_state(parts, self._kept_since)

    def _rebuild(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._groups = set()
        for group, live in live_rows(self.paths, self._source, self.since):
            self._write(group, live)
        if not self._changing:
            self._write_state(len(self.paths), self.since)

    def _write_state(self, parts: int, since: int) -> None:
        state = {"parts": parts, "since": since, "groups": sorted(self._groups)}
        write_checked(self._state, self._key, state)

    def _write(self, group: str, live: Live) -> None:
        self._groups.add(group)
        with replace_file(self._path(group), flushed=False) as temporary, temporary.open("wb") as stream:
            np.savez(stream, digest=live.digest, valid=live.valid, known=live.known)

    def _path(self, group: str) -> Path:
        return self._folder / f"{file_name(group)}.npz"


def live_rows(paths: Sequence[Path], source: Source, since: int) -> Iterator[tuple[str, Live]]:
    """Yield each group with its rows from `since` on that the files had when the last of some parts was written."""
    earliest = None if source.is_static else since
    numbers: dict[str, int] = {}
    found: list[list[Any]] = [[], [], [], [], []]
    for frame in read_parts(paths, part_schema(source), earliest):
        groups = frame[GROUP].cat
        number = np.array(
            [numbers.setdefault(str(name), len(numbers)) for name in groups.categories], np.int64
        )
        columns = (
            number[groups.codes.to_numpy()] if len(frame) else np.empty(0, np.int64),
            digests_of_rows(frame, source),
            frame["valid_time"].to_numpy(np.int64),
            frame["known_time"].to_numpy(np.int64),
            frame[GONE].to_numpy(np.int64) == 1,
        )
        for column, rows in zip(found, columns, strict=True):
            column.append(rows)
    if not numbers:
        return
    group, digest, valid, known, gone = (np.concatenate(column) for column in found)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=len(numbers)))
    for name, rows in zip(numbers, np.split(order, ends[:-1]), strict=True):
        yield name, Live.of_events((digest[rows], valid[rows], known[rows]), gone[rows])
