"""One raw file -> typed rows in the source's runs and bad rows in its quarantine, block by block."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from pipeline.raw.counts import Counts
from pipeline.raw.faults import AMBIGUOUS, BadRows, joined
from pipeline.raw.header import Layout
from pipeline.raw.quarantine import Quarantine
from pipeline.raw.rows import RowReader, Rows
from pipeline.raw.runs import Runs
from pipeline.raw.text import BLOCK_BYTES, Block, blocks
from pipeline.settings.raw import Source

_MOST_THREADS = 4  # blocks in memory at once, with one more waiting; the result does not depend on it

T = TypeVar("T")
R = TypeVar("R")


def read_file(
    layout: Layout,
    source: Source,
    reader: RowReader,
    runs: Runs,
    quarantine: Quarantine,
    *,
    block_bytes: int = BLOCK_BYTES,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Counts, frozenset[str]]:
    """Read a file; return the counts known so far (stored and folded come with the merge) and groups without zone.

    `advance` is told the bytes of text done.
    """
    counts = Counts()
    unzoned: frozenset[str] = frozenset()
    in_order = InOrder()
    for block, found in _parallel(reader.read, data_blocks(layout, source, block_bytes)):
        rows = in_order.settle(found)
        counts.read += rows.read
        counts.add_rules(rows.bad.rule)
        unzoned |= rows.unzoned
        quarantine.add(layout, rows.bad, block)
        runs.add(rows.keys, rows.records)
        advance(len(block.data))
    return counts, unzoned


def data_blocks(layout: Layout, source: Source, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The blocks of a file below its header."""
    for block in blocks(layout.file.path, source, block_bytes):
        above = layout.header_line - block.first_line + 1
        if above <= 0:
            yield block
        elif above < block.line_count:
            start = 0
            for _ in range(above):
                start = block.data.index(b"\n", start) + 1
            yield Block(block.data[start:], layout.header_line + 1)


class InOrder:
    """Settles wall times that come twice by the order of rows in one file.

    The first row of a series (and issue) at such a time is the earlier one, the second the later one; a
    third is put aside.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], int] = {}

    def settle(self, rows: Rows) -> Rows:
        """The rows of the file's next block with their doubled stamps settled."""
        if not len(rows.doubled):
            return rows
        records, surplus = rows.records, []
        has_issue = "issue" in (records.dtype.names or ())
        for place, second in zip(rows.doubled.tolist(), rows.second.tolist(), strict=True):
            record = records[place]
            moment = (
                rows.keys[record["key"]],
                int(record["valid"]),
                int(record["issue"]) if has_issue else 0,
            )
            times_seen = self._seen[moment] = self._seen.get(moment, 0) + 1
            if times_seen == 2:
                records["valid"][place] = second
            elif times_seen > 2:
                surplus.append(place)
        return _put_aside(rows, surplus) if surplus else rows


def _put_aside(rows: Rows, places: list[int]) -> Rows:
    taken = rows.records[places]
    names = [rows.keys[code] for code in taken["key"]]
    bad = BadRows(
        taken["line"].copy(),
        np.full(len(places), AMBIGUOUS, np.uint8),
        np.full(len(places), -1, np.int32),
        np.array([group for group, _ in names], object),
        np.array([series for _, series in names], object),
    )
    return replace(rows, records=np.delete(rows.records, places), bad=joined([rows.bad, bad]))


def _parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each item with its result, in the order of items, a bounded number ahead."""
    threads = min(
        _MOST_THREADS,
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )
    ahead: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                ahead.append((item, pool.submit(work, item)))
                if len(ahead) > threads:
                    done, result = ahead.popleft()
                    yield done, result.result()
            while ahead:
                done, result = ahead.popleft()
                yield done, result.result()
        finally:
            for _, waiting in ahead:
                waiting.cancel()
