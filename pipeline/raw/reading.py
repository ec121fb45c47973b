"""Raw files -> typed rows in runs and bad rows with their texts, block by block, several blocks at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.cache import Cache, stamp_of
from hindcast.pipeline.raw.cache_entries import ASIDE_NAME, ParsedFile, new_entry
from hindcast.pipeline.raw.csv_blocks import BLOCK_BYTES, Block, blocks, is_packed
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.dst_order import Course, InOrder, courses_of
from hindcast.pipeline.raw.group_table import MERGE_BYTES
from hindcast.pipeline.raw.opened_file import SourceFile
from hindcast.pipeline.raw.quarantine import AsideFile, Counts, aside_of
from hindcast.pipeline.raw.records import Key
from hindcast.pipeline.raw.rows import Rows
from hindcast.pipeline.raw.sorted_runs import RUN_BYTES, Run, RunWriter, sorted_run
from hindcast.pipeline.settings.raw import RawSettings, Source

_SHARED_BLOCK = 1 << 18  # bytes; blocks below it are not worth a thread


@dataclass(frozen=True)
class Workshop:
    """What the work on all sources shares: settings, cache, threads, and how much is held in memory at once."""

    raw: RawSettings
    cache: Cache
    pool: Executor
    threads: int
    buffers: BufferPool
    block_bytes: int = BLOCK_BYTES
    run_bytes: int = RUN_BYTES
    merge_bytes: int = MERGE_BYTES


def read_files(
    files: Sequence[SourceFile], workshop: Workshop, advance: Callable[[int], None]
) -> list[ParsedFile]:
    """Read files into new entries of the cache; `advance` is told the bytes of text done.

    Raises RawDataError for a file that cannot be unpacked, or that changes while it is read.
    """
    share = sum(file.size for file in files) // workshop.threads + _SHARED_BLOCK  # of a thread
    smaller = replace(workshop, block_bytes=min(workshop.block_bytes, share))
    done = []
    for current, block, found in _ahead(files, smaller):
        if block is None or found is None:
            done.append(current.finish())
        else:
            current.add(block, found)
            advance(len(block.data))
    return done


def data_blocks(
    layout: Layout,
    source: Source,
    block_bytes: int = BLOCK_BYTES,
    seen: Callable[[bytes], object] | None = None,
) -> Iterator[Block]:
    """The blocks of a file below its header; `seen` is told its bytes, as `text.blocks` says."""
    for block in blocks(layout.file.path, source, block_bytes, seen):
        above = layout.header_line - block.first_line + 1
        if above <= 0:
            yield block
        elif above < block.line_count:
            start = 0
            for _ in range(above):
                start = block.data.index(b"\n", start) + 1
            yield Block(block.data[start:], layout.header_line + 1)


class _Reading:
    """One file on its way into an entry: its blocks' rows come in the order of lines."""

    def __init__(self, file: SourceFile, workshop: Workshop) -> None:
        self.file = file
        self._workshop, path = workshop, file.file.path
        self._stamp = stamp_of(path)
        self._known = workshop.cache.digests.known(path)
        self._seen = None if self._known or is_packed(path) else hashlib.sha256()
        self._folder = workshop.cache.new_folder()
        self._runs = RunWriter(self._folder, workshop.pool, workshop.buffers, workshop.run_bytes)
        self._aside: AsideFile | None = None
        newest_first = _ambiguous(file.source) == "in_reverse_order"
        self._in_order = InOrder(has_issue=file.source.has_issue, newest_first=newest_first)
        self._counts = Counts()
        self._unzoned: set[str] = set()

    def blocks(self) -> Iterator[Block]:
        """The blocks below the header; the file's digest is taken on the way."""
        seen = None if self._seen is None else self._seen.update
        return data_blocks(self.file.layout, self.file.source, self._workshop.block_bytes, seen)

    def add(self, block: Block, found: _Found) -> None:
        """Take the rows of the next block."""
        rows, run, courses = found
        self._in_order.follow(courses)
        if run is None:
            rows = self._in_order.settle(rows)
            run = sorted_run(rows.keys, rows.records, self._workshop.buffers)
        self._counts.read += rows.read
        self._unzoned |= rows.unzoned
        self._runs.add(run)
        if len(rows.bad):
            self._counts.add_rules(rows.bad.rule)
            self._aside = self._aside or AsideFile(self._folder / ASIDE_NAME)
            self._aside.add(aside_of(self.file.layout, self.file.source, rows.bad, block))

    def finish(self) -> ParsedFile:
        """Close the entry and put it into the cache."""
        cache, file = self._workshop.cache, self.file.file
        runs = self._runs.close()
        if self._aside is not None:
            self._aside.close()
        self._refuse_the_other_order()
        digest = self._digest()
        if stamp_of(file.path) != self._stamp:
            raise RawDataError(f"{file.name} changed while it was read: run ingest again.")
        parsed = ParsedFile(
            key=self.file.key(digest),
            folder=self._folder,
            read=self._counts.read,
            rules=self._counts.rules,
            groups=sorted({group for run in runs for group, _ in run.keys}),
            unzoned=sorted(self._unzoned),
            runs=runs,
            fresh=True,
        )
        new_entry(parsed)
        parsed.move(cache.keep(self._folder, entry_name(parsed.key, self._stamp[0])))
        return parsed

    def _refuse_the_other_order(self) -> None:
        against = self._in_order.against_the_file()
        if not against:
            return
        found, other = "in_order", "in_reverse_order"
        stand = "the newest first"
        if _ambiguous(self.file.source) == other:
            found, other, stand = other, found, "the oldest first"
        more = f" and {len(against) - 3} more" if len(against) > 3 else ""
        raise RawDataError(
            f"{self.file.file.name}: the rows of {', '.join(against[:3])}{more} stand with {stand}, so in the "
            f"hour that the clock shows twice `ambiguous: {found}` would exchange them: set valid_time's "
            f"`ambiguous: {other}`, and give files of the other order a source of their own."
        )

    def _digest(self) -> str:
        digests, path = self._workshop.cache.digests, self.file.file.path
        if self._known is not None:
            return self._known
        return (
            digests.of(path)
            if self._seen is None
            else digests.learn(path, self._stamp, self._seen.hexdigest())
        )


def entry_name(key: str, size: int) -> str:
    """The cache's name for a file as read: the size tells at once that a file of another size is not there."""
    return f"file-{size}-{key}"


_Item = tuple[_Reading, Block | None]  # no block: the file is at its end
# no run: the order of lines has to settle some of the times first
_Found = tuple[Rows, Run | None, Mapping[Key, Course]]


def _ambiguous(source: Source) -> object:
    return source.valid_time.ambiguous if source.valid_time is not None else None


def _items(files: Sequence[SourceFile], workshop: Workshop) -> Iterator[_Item]:
    for file in files:
        reading = _Reading(file, workshop)
        for block in reading.blocks():
            yield reading, block
        yield reading, None


def _read(file: SourceFile, block: Block, buffers: BufferPool) -> _Found:
    rows = file.reader.read(block)
    courses = _courses(file, rows)
    if len(rows.doubled):
        return rows, None, courses
    run = sorted_run(rows.keys, rows.records, buffers)
    only_run = replace(rows, keys=[], records=rows.records.take(slice(0)))  # the rest leaves the memory
    return only_run, run, courses


def _courses(file: SourceFile, rows: Rows) -> Mapping[Key, Course]:
    field = file.source.valid_time
    spread = any(slot.when for slot in file.layout.slots)  # hours side by side stand as the headings do
    if field is None or not field.goes_by_order or spread:
        return {}
    return courses_of(rows, has_issue=file.source.has_issue)


def _ahead(
    files: Sequence[SourceFile], workshop: Workshop
) -> Iterator[tuple[_Reading, Block | None, _Found | None]]:
    """Each block with its rows, in the order of files and lines, a bounded number ahead."""
    waiting: deque[tuple[_Item, Future[_Found] | None]] = deque()

    def next_done() -> tuple[_Reading, Block | None, _Found | None]:
        (reading, block), found = waiting.popleft()
        return reading, block, None if found is None else found.result()

    try:
        for item in _items(files, workshop):
            reading, block = item
            found = (
                None if block is None else workshop.pool.submit(_read, reading.file, block, workshop.buffers)
            )
            waiting.append((item, found))
            while sum(found is not None for _, found in waiting) > workshop.threads:
                yield next_done()
        while waiting:
            yield next_done()
    finally:
        for _, found in waiting:
            if found is not None:
                found.cancel()
