"""Reads raw files into sorted runs of typed rows, and rejected rows with their texts; several blocks at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from hindcast.pipeline.arrays import BufferPool, Ints, Key
from hindcast.pipeline.digests import Stamp, stamp_of
from hindcast.pipeline.errors import HindcastError, RawDataError
from hindcast.pipeline.raw.cache import SettingsDigest, file_key
from hindcast.pipeline.raw.cache_entries import REJECTS_NAME, ParsedFile, describe_file, file_entry_name
from hindcast.pipeline.raw.context import IngestContext
from hindcast.pipeline.raw.csv_blocks import BLOCK_BYTES, Block, is_compressed, iter_blocks
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.dst_order import AmbiguousTimeResolver, RowOrder, find_row_orders
from hindcast.pipeline.raw.encodings import with_one_encoding
from hindcast.pipeline.raw.file_layout import place_words, read_layout, row_place
from hindcast.pipeline.raw.opened_file import OpenedFile, change_error
from hindcast.pipeline.raw.parquet_blocks import ParquetBlock, ParquetSchema, read_parquet
from hindcast.pipeline.raw.parquet_columns import is_text
from hindcast.pipeline.raw.quarantine import Counts, RejectFile, describe_reject, reject_table
from hindcast.pipeline.raw.reject_rules import BadRowLimit
from hindcast.pipeline.raw.rows import RowReader, Rows
from hindcast.pipeline.raw.sorted_runs import Run, RunWriter, make_run
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.wording import counted

AnyBlock = Block | ParquetBlock

_SHARED_BLOCK = 1 << 18  # bytes; smaller blocks are not worth a thread


@dataclass(frozen=True)
class SourceFile:
    """A file of the source `name`; its header is read at the first access to `layout`."""

    file: RawFile
    raw: RawSettings
    name: str
    source: Source
    settings: SettingsDigest

    @cached_property
    def size(self) -> int:
        """Bytes, at the first access."""
        return stamp_of(self.file.path)[0]

    @cached_property
    def layout(self) -> Layout:
        """The meaning of its columns; raises RawDataError if they do not fit the settings."""
        layout = read_layout(self.file, self.name, self.written)
        if self._written[1] not in (None, layout.header.stamp):
            raise change_error(self.file.name)
        return layout

    @property
    def written(self) -> Source:
        """The source with the one encoding of this file; raises RawDataError if no encoding of the settings fits."""
        return self._written[0]

    @cached_property
    def _written(self) -> tuple[Source, Stamp | None]:
        return with_one_encoding(self.file, self.source)

    @cached_property
    def reader(self) -> RowReader:
        """The reader of its blocks; raises RawDataError if the timestamps in its path or headings do not fit."""
        return RowReader(self.raw, self.name, self.written, self.layout)

    def key(self, digest: str) -> str:
        """Return its cache key for contents with this digest; raises RawDataError if its path lacks a field."""
        return file_key(self.settings, self.source, self.file, digest)


def open_files(files: Iterable[SourceFile]) -> None:
    """Read the headers of files before any row is read; raises RawDataError with the faults of all files."""
    opened = list(files)
    for part, summary in (
        ("layout", "Raw files do not fit the settings under raw.sources."),
        ("reader", "The timestamps of raw files do not fit the settings."),
    ):
        found: dict[str, tuple[str, list[str]]] = {}  # by text without a file: the first text, and the files
        for file in opened:
            try:
                getattr(file, part)
            except HindcastError as fault:
                for text in fault.faults or [fault.summary]:
                    alike = text.removeprefix(f"{file.file.label}: ").removeprefix(f"{file.file.name}: ")
                    found.setdefault(alike, (text, []))[1].append(file.file.name)
        if found:
            raise RawDataError(summary, [_fault_of_files(*each) for each in found.values()])


def _fault_of_files(text: str, names: Sequence[str]) -> str:
    """Return the fault of the first of some files, with the number of the other ones that have the same fault."""
    others = list(dict.fromkeys(names))[1:]
    return text + (
        f" ({counted(len(others), 'more file')} like this, the last {others[-1]})" if others else ""
    )


def read_files(
    files: Sequence[SourceFile], context: IngestContext, advance: Callable[[int], None]
) -> list[ParsedFile]:
    """Parse files into new entries of the cache; `advance` is called with the bytes of text of each block.

    Raises RawDataError for a file that cannot be decompressed, that changes while it is read, or whose rows are in the
    opposite of the order that `ambiguous:` names.
    """
    per_thread = sum(file.size for file in files) // context.threads + _SHARED_BLOCK
    sizes = replace(context.sizes, block=min(context.sizes.block, per_thread))
    parsed = []
    for file_reader, block, future in _read_ahead(files, replace(context, sizes=sizes)):
        if block is None or future is None:
            parsed.append(file_reader.finish())
        else:
            file_reader.add(block, future.result())
            advance(block.size)
    return parsed


class DataBlocks:
    """The blocks of a file below its header, read through one handle; iterate over them once.

    After the last block, `digest` is the SHA-256 of the bytes that were read, and `stamp` the file's stamp. If only some
    `lines` are needed, row groups of a Parquet file that contain none of them are skipped.

    Raises RawDataError if the file is not the one whose header is in `layout`, or changes while it is read.
    """

    def __init__(
        self, layout: Layout, source: Source, block_bytes: int = BLOCK_BYTES, lines: Ints | None = None
    ) -> None:
        self._layout, self._source, self._block_bytes, self._lines = layout, source, block_bytes, lines
        self.digest, self.stamp = "", layout.header.stamp

    def __iter__(self) -> Iterator[AnyBlock]:
        """Yield the blocks."""
        return (
            self._of_lines()
            if self._layout.header.schema is None
            else self._of_rows(self._layout.header.schema)
        )

    def _of_rows(self, schema: ParquetSchema) -> Iterator[ParquetBlock]:
        file, layout = self._layout.file, self._layout
        places = {*layout.number_columns, *layout.text_columns}
        texts = [place for place in layout.text_columns if is_text(schema.types[place])]
        with (
            OpenedFile(file.path, file.name, self.stamp) as opened,
            opened.hashed_stream(in_order=False) as stream,
        ):
            yield from read_parquet(
                stream,
                file.label,
                schema,
                places,
                texts,
                block_bytes=self._block_bytes,
                wanted=self._has_lines,
            )
            self.digest = opened.finish()

    def _has_lines(self, first: int, end: int) -> bool:
        return self._lines is None or bool(((self._lines >= first) & (self._lines < end)).any())

    def _of_lines(self) -> Iterator[Block]:
        file, header = self._layout.file, self._layout.header
        with (
            OpenedFile(file.path, file.name, header.stamp) as opened,
            opened.hashed_stream(in_order=not is_compressed(file.path)) as stream,
        ):
            for block in self._check_head(
                iter_blocks(stream, file.path, self._source, self._block_bytes, file.label)
            ):
                above = header.line - block.first_line + 1
                if above <= 0:
                    yield block
                elif above < block.line_count:
                    yield Block(block.data.split(b"\n", above)[above], header.line + 1)
            self.digest = opened.finish()

    def _check_head(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks; hold them back until the text that was read to find the header has been compared."""
        header, head = self._layout.header, hashlib.sha256()
        left, held = header.text_bytes, []
        for block in blocks:
            if left:
                head.update(block.data[:left])
                left -= min(left, len(block.data))
                held.append(block)
                if left:
                    continue
                if head.hexdigest() != header.text_digest:
                    raise change_error(self._layout.file.name)
                yield from held
            else:
                yield block
        if left:  # the file has become shorter
            raise change_error(self._layout.file.name)


@dataclass(frozen=True)
class _BlockResult:
    """The rows of one block; they have no run yet if the order of lines must resolve some of the times first."""

    rows: Rows
    run: Run | None
    orders: Mapping[Key, RowOrder]


class _FileReader:
    """Collects the rows of one file, block by block in the order of lines, into a new entry of the cache."""

    def __init__(self, file: SourceFile, context: IngestContext) -> None:
        self.file = file
        self._context = context
        self.blocks = DataBlocks(file.layout, file.written, context.sizes.block)
        self._folder = context.cache.new_folder()
        self._runs = RunWriter(self._folder, context.pool, context.buffers, context.sizes.run)
        self._rejects: RejectFile | None = None
        self._resolver = AmbiguousTimeResolver(file.source)
        self._counts = Counts()
        self._limit = BadRowLimit(file.file.name, context.raw.max_bad_fraction)
        self._unzoned: set[str] = set()

    def add(self, block: AnyBlock, result: _BlockResult) -> None:
        """Add the rows of the next block."""
        rows, run = result.rows, result.run
        self._resolver.add_orders(result.orders)
        if run is None:
            rows = self._resolver.resolve(rows)
            run = make_run(rows.keys, rows.records, self._context.buffers)
        self._counts.read += rows.read
        self._unzoned |= rows.unzoned
        self._runs.add(run)
        if len(rows.rejected):
            self._counts.add_rules(rows.rejected.rule)
            self._rejects = self._rejects or RejectFile(self._folder / REJECTS_NAME)
            rejects = reject_table(self.file.layout, self.file.written, rows.rejected, block)
            self._limit.add(rows.read, rows.rejected.rule, lambda row: self._describe(rejects, row))
            self._rejects.add(rejects)
        else:
            self._limit.add(rows.read, rows.rejected.rule, lambda _: "")

    def _describe(self, rejects: pa.Table, row: int) -> str:
        place = row_place(self.file.file.path, rejects["line"][row].as_py())
        return describe_reject(rejects, row, place_words(place))

    def finish(self) -> ParsedFile:
        """Complete the entry and add it to the cache."""
        cache, stamp = self._context.cache, self.blocks.stamp
        runs = self._runs.close()
        if self._rejects is not None:
            self._rejects.close()
        self._resolver.check_order(self.file.file.name)
        digest = cache.digests.record(self.file.file.path, stamp, self.blocks.digest)
        parsed = ParsedFile(
            key=self.file.key(digest),
            folder=self._folder,
            read=self._counts.read,
            rules=self._counts.rules,
            groups=sorted({group for run in runs for group, _ in run.keys}),
            unzoned=sorted(self._unzoned),
            wall=self.file.reader.wall,
            rounded=self.file.reader.rounded,
            encoding=self.file.written.encoding,
            runs=runs,
            fresh=True,
            content=digest,
        )
        name = file_entry_name(parsed.key, stamp[0])
        describe_file(parsed, name)
        parsed.move(cache.add(self._folder, name))
        return parsed


def _read_block(file: SourceFile, block: AnyBlock, buffers: BufferPool) -> _BlockResult:
    rows = file.reader.read(block)
    field = file.source.valid_time
    orders: Mapping[Key, RowOrder] = {}
    # hours in columns are in the order of the headings
    if field is not None and field.goes_by_order and not any(slot.time_text for slot in file.layout.slots):
        orders = find_row_orders(rows, has_issue=file.source.has_issue)
    if len(rows.ambiguous):
        return _BlockResult(rows, None, orders)
    run = make_run(rows.keys, rows.records, buffers)
    without_records = replace(rows, keys=[], records=rows.records.take(slice(0)))  # frees their memory
    return _BlockResult(without_records, run, orders)


def _read_ahead(
    files: Sequence[SourceFile], context: IngestContext
) -> Iterator[tuple[_FileReader, AnyBlock | None, Future[_BlockResult] | None]]:
    """Yield each block with its future rows, in the order of files and lines, and None at the end of each file.

    A bounded number of blocks is read ahead.
    """
    waiting: deque[tuple[_FileReader, AnyBlock | None, Future[_BlockResult] | None]] = deque()
    try:
        for file in files:
            reader = _FileReader(file, context)
            for block in reader.blocks:
                waiting.append(
                    (reader, block, context.pool.submit(_read_block, file, block, context.buffers))
                )
                while sum(future is not None for _, _, future in waiting) > context.threads:
                    yield waiting.popleft()
            waiting.append((reader, None, None))
        while waiting:
            yield waiting.popleft()
    finally:
        for _, _, future in waiting:
            if future is not None:
                future.cancel()
