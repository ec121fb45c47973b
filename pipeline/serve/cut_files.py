"""The raw files as they were at a moment: without the lines all of whose values became known later."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, BufferPool, Flags, Ints, Times, usable_cpus
from hindcast.pipeline.raw.archives import MEMBERS, Archives
from hindcast.pipeline.raw.cache import Cache
from hindcast.pipeline.raw.cache_entries import ParsedFile
from hindcast.pipeline.raw.context import IngestContext, Sizes
from hindcast.pipeline.raw.csv_blocks import is_compressed
from hindcast.pipeline.raw.ingest import find_source_files
from hindcast.pipeline.raw.known_moments import known_moments
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.raw.reading import SourceFile, open_files, read_files
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import RawSettings, Source

_MOST_THREADS = 4
_CHUNK_BYTES = 64 << 20
_LINE_FEED = 10


@dataclass(frozen=True)
class FileCut:
    """What was left out of the raw files: lines whose values all became known later, and files without any other line.

    `mixed` lines stay although values of them became known later, and `whole` files because their lines cannot be left out:
    such values are removed from the tables.
    """

    lines_left_out: int
    files_left_out: int
    mixed: int
    whole: int


class CutFiles:
    """The raw files of a project, with the moments at which the first and the last value of each line became known.

    Files of text and Parquet files are cut; archives, compressed files and text in UTF-16 or UTF-32 are used whole. The files are
    read once, with `scratch` as the folder of a cache. Raises the errors of `ingest`.
    """

    def __init__(self, params: Params, root: Path, scratch: Path) -> None:
        self._root = root / params.raw.path
        self._whole: dict[str, Path] = {}  # by name below raw.path
        self._of_source: dict[str, list[str]] = {}  # the names of its files
        lines: dict[str, _Lines] = {}
        for file, found in _read_lines(params.raw, root, scratch):
            self._of_source.setdefault(file.name, []).append(file.file.name if found else "")
            if found is None:
                path = file.file.path if file.file.shown is None else _archive_of(file.file.shown)
                self._whole[path.relative_to(self._root).as_posix()] = path.resolve()
            else:  # several sources may read one file
                lines[file.file.name] = found.joined(lines.get(file.file.name, found))
        self._files = {name: found.filled() for name, found in lines.items()}

    def write(self, moment: int, into: Path) -> FileCut:
        """Write the files as they were at a moment (ns UTC) to an empty folder; a file that was complete then is a link.

        Of a source without any line then, the line that became known first stays: the settings name the source, and `ingest` refuses
        one without rows.
        """
        flags = {name: lines.first <= moment for name, lines in self._files.items()}
        left_out = {name for name, lines in self._files.items() if not _has_rows(flags[name], lines.header)}
        for names in self._of_source.values():
            if left_out.issuperset(names):
                earliest = min(names, key=lambda name: self._files[name].earliest)
                flags[earliest] = self._files[earliest].first <= self._files[earliest].earliest
                left_out.discard(earliest)
        for name in flags.keys() - left_out:
            _write(self._files[name].path, flags[name], _place(into, name))
        for name, path in self._whole.items():
            _place(into, name).symlink_to(path)
        return FileCut(
            lines_left_out=sum(int((~keep).sum()) for keep in flags.values()),
            files_left_out=len(left_out),
            mixed=sum(int((keep & (self._files[name].last > moment)).sum()) for name, keep in flags.items()),
            whole=len(self._whole),
        )


@dataclass(frozen=True)
class _Lines:
    """The first and the last moment at which a value of each line became known; index 0 is no line.

    A line without a value, such as one in quarantine, has TIME_MAX and TIME_MIN; the lines up to the header have TIME_MIN.
    """

    path: Path
    header: int
    first: Times
    last: Times

    @property
    def earliest(self) -> int:
        """The moment at which a value of the file first became known."""
        return int(self.first[self.header + 1 :].min(initial=TIME_MAX))

    def joined(self, other: _Lines) -> _Lines:
        """Return the moments of a file that two sources read."""
        length = max(len(self.first), len(other.first))
        firsts = [_extended(lines.first, length, TIME_MAX) for lines in (self, other)]
        lasts = [_extended(lines.last, length, TIME_MIN) for lines in (self, other)]
        return _Lines(self.path, max(self.header, other.header), np.minimum(*firsts), np.maximum(*lasts))

    def filled(self) -> _Lines:
        """Return the moments with those of the line above where a line has no value; equal ones are stored once, since all files stay in memory."""
        lines = np.arange(len(self.first))
        has_value = (self.last > TIME_MIN) | (lines <= self.header)
        nearest = np.maximum.accumulate(np.where(has_value, lines, 0))
        first, last = self.first[nearest], self.last[nearest]
        return _Lines(self.path, self.header, first, first if np.array_equal(first, last) else last)


def _read_lines(raw: RawSettings, root: Path, scratch: Path) -> Iterator[tuple[SourceFile, _Lines | None]]:
    """Yield each file of each source, with the moments of its lines if it can be cut."""
    threads, sizes = usable_cpus(_MOST_THREADS), Sizes()
    with ThreadPoolExecutor(threads) as pool:
        found = find_source_files(raw, root, Archives(scratch / MEMBERS.name))
        cache, buffers = Cache(scratch / "lines"), BufferPool(sizes.memory)
        context = IngestContext(raw, cache, pool, threads, buffers, sizes)
        open_files([file for files in found.values() for file in files])
        for name, files in found.items():
            source = raw.table_sources[raw.sources[name].part_of or name]
            for file in files:
                if not _can_be_cut(file):
                    yield file, None
                    continue
                (parsed,) = read_files([file], context, lambda _: None)
                yield file, _moments_of_lines(file, parsed, source, raw)
                parsed.drop_rows(buffers)


def _can_be_cut(file: SourceFile) -> bool:
    if file.file.shown is not None or is_compressed(file.file.path):
        return False
    return is_parquet(file.file.path) or not file.written.encoding.lower().startswith(("utf-16", "utf-32"))


def _moments_of_lines(file: SourceFile, parsed: ParsedFile, source: Source, raw: RawSettings) -> _Lines:
    """Return the moments of a file's lines, by the rule by which `ingest` writes `known_time`."""
    header = 0 if is_parquet(file.file.path) else file.layout.header.line
    blocks = list(_rows_of_groups(parsed))
    length = max([header, *(int(block[0].max()) for _, block, _ in blocks)]) + 1
    first, last = np.full(length, TIME_MAX), np.full(length, TIME_MIN)
    for group, block, times in blocks:
        records = Records(np.zeros(block.shape[1], np.int32), block[0], tuple(block[1 : 1 + times]), ())
        known = known_moments(records, source, raw.stamp_grid(source, group), raw.zone_of(group) or "UTC")
        np.minimum.at(first, block[0], known)
        np.maximum.at(last, block[0], known)
    first[: header + 1] = last[: header + 1] = TIME_MIN
    return _Lines(file.file.path.resolve(), header, first, last)


def _rows_of_groups(parsed: ParsedFile) -> Iterator[tuple[str, Ints, int]]:
    """Yield the rows of each group, run by run, with the number of their times."""
    for run in parsed.runs or []:
        for group in parsed.groups:
            begin, end = run.group(group)
            if begin < end:
                yield group, run.read_keys(begin, end), run.times


def _extended(times: Times, length: int, with_: int) -> Times:
    return np.concatenate([times, np.full(length - len(times), with_)])


def _archive_of(member: Path) -> Path:
    return next(path for path in member.parents if path.is_file())


def _place(into: Path, name: str) -> Path:
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _has_rows(keep: Flags, header: int) -> bool:
    """Return whether a line below the header is kept, or there is none."""
    return len(keep) == header + 1 or bool(keep[header + 1 :].any())


def _write(path: Path, keep: Flags, target: Path) -> None:
    if keep.all():
        target.symlink_to(path)
    elif is_parquet(path):
        _write_rows(path, keep, target)
    else:
        _write_lines(path, keep, target)


def _write_rows(path: Path, keep: Flags, target: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.filter(pa.array(_flags_of(keep, 1, table.num_rows))), target)


def _write_lines(path: Path, keep: Flags, target: Path) -> None:
    """Copy the lines to keep, byte for byte except that each ends with one line feed."""
    line = 1
    with path.open("rb") as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK_BYTES):
            chunk += source.readline()
            if b"\r" in chunk:
                chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            letters = np.frombuffer(chunk, np.uint8)
            ends = np.flatnonzero(letters == _LINE_FEED) + 1
            if not chunk.endswith(b"\n"):
                ends = np.append(ends, len(letters))
            kept = np.repeat(_flags_of(keep, line, len(ends)), np.diff(ends, prepend=0))
            out.write(letters[kept].tobytes())
            line += len(ends)


def _flags_of(keep: Flags, first: int, count: int) -> Flags:
    """Return the flags of the lines from `first` on; those after the last one with a value go with it."""
    flags: Flags = keep[np.minimum(first + np.arange(count), len(keep) - 1)]
    return flags
