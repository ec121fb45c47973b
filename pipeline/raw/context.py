"""The objects that all sources share during ingest: settings, cache, threads, and memory limits."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.raw.cache import Cache
from hindcast.pipeline.raw.csv_blocks import BLOCK_BYTES
from hindcast.pipeline.settings.raw import RawSettings


@dataclass(frozen=True)
class Sizes:
    """Limits on the bytes that are in memory at once; no result depends on them."""

    block: int = BLOCK_BYTES  # bytes of text in one block
    run: int = 32 << 20  # bytes of rows that are merged into one run on disk
    memory: int = 256 << 20  # bytes of sorted rows that stay in memory; further runs go to disk
    merge: int = 8 << 20  # bytes of rows that are merged together into a table


@dataclass(frozen=True)
class IngestContext:
    """Passed to every part of one run of ingest; `threads` is the number of threads of `pool`."""

    raw: RawSettings
    cache: Cache
    pool: Executor
    threads: int
    buffers: BufferPool
    sizes: Sizes
