"""The reader of a data set or a single shard: samples requested in any order, read in whole chunks."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import BufferPool, Ints
from hindcast.pipeline.digests import FileDigests, digest_of_shards, stamp_of
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.chunks import ChunkCache
from hindcast.pipeline.store.decoded_copy import DecodedCopy, room_for_copy
from hindcast.pipeline.store.file_header import (
    Header,
    HeaderValues,
    check_virtual_sources,
    read_header,
    tabulate_shards,
)
from hindcast.pipeline.store.index_tables import read_splits, read_table
from hindcast.pipeline.store.index_types import Sequences, Shards, Split
from hindcast.pipeline.store.layout import BY_NAME, sample_count_for
from hindcast.pipeline.store.open_files import REMEDY, check_not_held, check_seal, dataset_in, open_to_read
from hindcast.pipeline.store.read_plan import ChunkRead, RecentPlans
from hindcast.pipeline.store.shard_index import ShardIndex
from hindcast.pipeline.store.shards import OpenShards
from hindcast.pipeline.store.threads import WorkerThreads, default_thread_count


class Dataset(HeaderValues):
    """`data/dataset.h5` or a shard, open for reading; a context manager.

    - Arrays are read from the shards themselves: a shard that is missing or of another data set is an error, never a
      fill value.
    - At most `budget_bytes` of decoded chunks are kept, and a bounded number of files is open.
    - `copy_to`: a folder for a decoded copy of what is read, for a reader that needs every chunk many times, a few samples
      each time. The copy is not made if all fits into `budget_bytes` or would take more than a quarter of the free space.
    - `threads` threads decode chunks (by default as many as there are processors, up to four).
    - `indexes`: those of all shards, if the caller has them; otherwise the header of each shard is read before its chunks.
    - Threads may share a data set. It is pickled as its path, opened once in each process that unpickles it, and
      opens its files again after a fork.

    - In a workspace the bytes of all shards are compared with the digest that the splits record. Digests of unchanged
      files are remembered there; `check_shards=False` leaves this to the caller.

    Raises MissingInputError if a file is missing, FormatError if one is damaged or belongs to another data set.

    >>> from pathlib import Path
    >>> with hindcast.Dataset(Path("data/dataset.h5")) as dataset:
    ...     dataset.targets, dataset.read("Y", range(2)).shape
    (('usage',), (2, 24, 1))
    """

    def __init__(
        self,
        path: Path,
        budget_bytes: int = 256 << 20,
        threads: int | None = None,
        *,
        check_shards: bool = True,
        copy_to: Path | None = None,
        indexes: Sequence[ShardIndex] = (),
    ) -> None:
        self.path, self._indexes = Path(path), indexes
        self.budget_bytes = budget_bytes
        self.threads = threads or default_thread_count()
        if not self.path.is_file():
            raise MissingInputError(f"{self.path} is missing: {REMEDY}.")
        joined = check_seal(self.path)
        with open_to_read(self.path) as file:
            super().__init__(read_header(file, self.path))
            self.sequences: Sequences = read_table(file, "sequences", Sequences, self.path)
            self._splits = read_splits(file, self.path)
            if joined:
                self._shards = read_table(file, "shards", Shards, self.path)
                check_virtual_sources(file, self.path, self._shards, self.header)
            else:
                chunks = dataset_in(file, "X", self.path).chunks or (1,)
                self._shards = tabulate_shards([self.path.name], [self.header], chunks[:1])
        _check_counts(self.path, self.header, self.sequences, self._shards)
        arrays = self.header.arrays
        size = sum(math.prod(self.header.shape_of(array)) * array.dtype.itemsize for array in arrays)
        self._fits = size <= budget_bytes
        self._copy: DecodedCopy | None = None
        if copy_to is not None and not self._fits and room_for_copy(copy_to, size):
            self._copy = DecodedCopy(copy_to, self.header)
        if joined and check_shards:
            self._check_shards()
        self._start()

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits; a shard has none."""
        return tuple(self._splits)

    @property
    def shards(self) -> Shards:
        """The table of the joined shards, or of the shard itself."""
        return self._shards

    def split(self, name: str) -> Split:
        """Return a split; raise FormatError if there is none of this name, or if its indices are out of range."""
        if name not in self._splits:
            raise FormatError(
                f"{self.path} has no split {name!r}; its splits: {', '.join(self._splits) or 'none'}."
            )
        split = self._splits[name]
        first, last = (int(limit(split.indices, initial=0)) for limit in (np.min, np.max))
        if first < 0 or last >= max(1, self.sample_count):
            raise FormatError(
                f"{self.path}: indices of splits/{name} must be in [0, {self.sample_count}), found {first} to {last}: {REMEDY}."
            )
        return split

    def read(self, name: str, samples: Sequence[int] | NDArray[Any]) -> NDArray[Any]:
        """Read samples of X, Y, W, published, baseline, origin, issued, known or flagged: (len(samples), step, ...).

        `samples` may be in any order, with repeats; the answer has their order. Raises IndexError if one is not in
        [0, sample_count).
        """
        array = BY_NAME[name]
        wanted = self._checked(samples)
        if self._process != os.getpid():  # after a fork the parent's threads and locks cannot be used
            self._start()
        answer = self._buffers.acquire((len(wanted), *self.header.shape_of(array)[1:]), array.dtype)
        if answer.size:
            self._fill(name, answer, self._plans.plan_reads(wanted))
        return answer

    def sequence_of(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        """Return the row of `sequences` to which each sample belongs."""
        return np.searchsorted(self.sequences.first_sample, self._checked(samples), side="right") - 1

    def time_of(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        """Return the time of the first step of each sample, ns UTC."""
        wanted = self._checked(samples)
        row = self.sequence_of(wanted)
        position = wanted - self.sequences.first_sample[row]
        return self.sequences.start_time[row] + position * self.segment_length * self.frequency

    @property
    def chunk_samples(self) -> int:
        """Samples in the largest chunk, which are read at once even for one sample."""
        return int(self._shards.chunk_samples.max(initial=1))

    def close(self) -> None:
        """Close all files, end the threads and drop cached chunks; the next read opens the files again."""
        self._threads.close()
        self._open.close()
        self._cache, self._buffers = ChunkCache(self.budget_bytes), BufferPool()
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # the absolute path: another process may have another current folder
        return _open_again, (self.path.absolute(), self.budget_bytes, self.threads, self.fingerprint)

    def _check_shards(self) -> None:
        """Raise FormatError if the shards are not those from which the splits were planned, according to their bytes."""
        paths = [self.path.parent / str(name) for name in self._shards.file]
        recorded = {split.attributes.get("shards_digest") for split in self._splits.values()} - {None}
        digests = FileDigests.around(self.path) if recorded else None
        if digests is None or not all(path.is_file() for path in paths):  # reading reports a missing shard
            return
        found = digest_of_shards(digests.digest_all(paths))
        with suppress(OSError):  # where the workspace can only be read, digests are computed again next time
            digests.save()
        if recorded != {found}:
            for path in paths:
                check_not_held(path)
            raise FormatError(
                f"{self.path} was made from other shards: one was edited or replaced since the stage `split`: {REMEDY}."
            )

    def _start(self) -> None:
        self._process = os.getpid()
        self._open = OpenShards(self.path.parent, self._shards, self.header, self._indexes)
        self._cache = ChunkCache(self.budget_bytes)
        self._buffers = BufferPool()
        self._plans = RecentPlans(self._shards)
        self._threads: WorkerThreads = WorkerThreads(self.threads)

    def _fill(self, name: str, answer: NDArray[Any], reads: Sequence[ChunkRead]) -> None:
        """Copy the requested samples into the answer: first from kept chunks, then from the others, in threads."""

        def read_chunk(read: ChunkRead) -> None:
            first = int(self._shards.first_sample[read.shard]) + read.start
            if self._copy is not None and self._copy.holds(name, first):
                self._copy.copy(name, first, read, answer)
                return
            chunk = self._open.read(name, read.shard, read.start, read.stop)
            read.copy(chunk, answer)
            # a reader that needs every chunk once would only displace chunks that other reads need again
            if self._copy is not None:
                self._copy.keep(name, first, chunk)
            elif not read.takes_all or self._fits:
                self._cache.keep((name, read.shard, read.start), chunk)

        missing = []
        for read in reads:
            chunk = self._cache.find((name, read.shard, read.start))
            if chunk is None:
                missing.append(read)
            else:
                read.copy(chunk, answer)
        self._threads.for_each(read_chunk, missing)

    def _checked(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        wanted = np.asarray(samples, dtype=np.int64)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self.sample_count):
            raise IndexError(
                f"{self.path}: samples must be in [0, {self.sample_count}), found {wanted.min()} to {wanted.max()}"
            )
        return wanted


def _open_again(path: Path, budget_bytes: int, threads: int, fingerprint: str) -> Dataset:
    """Return a pickled data set; raise FormatError if its file was replaced."""
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: {REMEDY}.")
    dataset = _open_once(path, budget_bytes, threads, tuple(stamp_of(path)))
    if dataset.fingerprint != fingerprint:
        raise FormatError(f"{path} was replaced while it was in use: run the stage again.")
    return dataset


@lru_cache(maxsize=1)
def _open_once(path: Path, budget_bytes: int, threads: int, _stamp: tuple[int, ...]) -> Dataset:
    """Open a data set for all tasks of a worker: with 2,000 shards opening takes half a second."""
    return Dataset(path, budget_bytes, threads, check_shards=False)  # the pickled one has checked them


def _check_counts(path: Path, header: Header, sequences: Sequences, shards: Shards) -> None:
    counts = {
        "attribute sample_count": header.sample_count,
        "samples of /sequences": int(sequences.sample_count.sum()),
        "samples of the shards": int(shards.sample_count.sum()),
    }
    steps = {
        "attribute step_count": header.step_count,
        "steps of /sequences": int(sequences.step_count.sum()),
    }
    are_adjacent = all(
        (table.first_sample == np.cumsum(table.sample_count) - table.sample_count).all()
        for table in (sequences, shards)
    )
    needed = sample_count_for(sequences.step_count, header.segment_length)
    faults = []
    if len(set(counts.values())) > 1 or len(set(steps.values())) > 1:
        faults.append(f"samples and steps must add up, found {counts | steps}")
    if not are_adjacent:
        faults.append("each sequence and each shard must begin where the previous one ends")
    if (needed != sequences.sample_count).any():
        faults.append(
            f"a sequence must have as many samples as its steps need with segment_length {header.segment_length}"
        )
    if faults:
        raise FormatError(f"{path}: {'; '.join(faults)}: {REMEDY}.")
