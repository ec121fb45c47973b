"""A data set (or a single shard) as arrays of samples, asked for in any order and read by whole chunks."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.chunk_cache import ChunkCache, Memory
from hindcast.pipeline.store.file_header import Described, Header, check_sources, read_header
from hindcast.pipeline.store.index_tables import Shards, read_sequences, read_shards, read_splits
from hindcast.pipeline.store.index_types import Ints, Sequences, Split
from hindcast.pipeline.store.layout import ARRAYS, BY_NAME, sample_count_for
from hindcast.pipeline.store.open_files import REMEDY, check_seal, dataset_in, open_to_read
from hindcast.pipeline.store.read_plan import ChunkRead, Parts, RecentPlans
from hindcast.pipeline.store.shards import OpenShards
from hindcast.pipeline.store.threads import Threads, default_thread_count


class Dataset(Described):
    """`data/dataset.h5` or a shard, open for reading; a context manager.

    Arrays are read from the shards themselves, so a missing or foreign shard is an error and never a fill
    value. At most `budget_bytes` of decoded chunks are kept, and a bounded number of files is open. Chunks are
    decoded by `threads` threads (as many as there are processors, up to four, if nothing is said). A data
    set may be used by several threads, goes through pickle as its path, and opens its files anew after a fork.

    Raises MissingInputError where a file is absent, FormatError where one is damaged or does not belong.
    """

    def __init__(self, path: Path, budget_bytes: int = 256 << 20, threads: int | None = None) -> None:
        self.path = Path(path)
        self.budget_bytes = budget_bytes
        self.threads = threads or default_thread_count()
        if not self.path.is_file():
            raise MissingInputError(f"{self.path} is absent: {REMEDY}.")
        joined = check_seal(self.path)
        with open_to_read(self.path) as file:
            self._header = read_header(file, self.path)
            self.sequences: Sequences = read_sequences(file, self.path)
            self._splits = read_splits(file, self.path)
            self._shards = read_shards(file, self.path) if joined else self._alone(file)
            if joined:
                check_sources(file, self.path, self._shards, self._header)
        _check_counts(self.path, self._header, self.sequences, self._shards)
        self._fits = self._header.sample_count * self._sample_bytes() <= budget_bytes
        self._parts = Parts(self._shards.first_sample, self._shards.sample_count, self._shards.chunk_samples)
        self._start()

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits; a shard has none."""
        return tuple(self._splits)

    @property
    def shards(self) -> Shards:
        """The table of shards: those that were joined, or the shard itself."""
        return self._shards

    def split(self, name: str) -> Split:
        """A split by name; FormatError names those that exist, or indices of samples that do not."""
        if name not in self._splits:
            raise FormatError(
                f"{self.path} has no split {name!r}; it has {', '.join(self._splits) or 'none'}."
            )
        split = self._splits[name]
        first, last = (int(limit(split.indices, initial=0)) for limit in (np.min, np.max))
        if first < 0 or last >= max(1, self.sample_count):
            raise FormatError(
                f"{self.path}: splits/{name} must lie in [0, {self.sample_count}), found {first} to {last}: {REMEDY}."
            )
        return split

    def read(self, name: str, samples: Sequence[int] | NDArray[Any]) -> NDArray[Any]:
        """The samples of X, Y, W, published, baseline, origin, issued or known: (len(samples), step, ...).

        `samples` come in any order, repeats allowed; the answer has theirs. IndexError where one is out of
        [0, sample_count).
        """
        array = BY_NAME[name]
        wanted = self._checked(samples)
        if self._process != os.getpid():  # after a fork: threads and locks of the parent are none of ours
            self._start()
        shape = tuple(self._header.length_of(axis) for axis in array.axes[1:])
        answer = self._memory.empty((len(wanted), *shape), array.dtype)
        if answer.size:
            self._fill(name, answer, self._plans.plan_reads(wanted))
        return answer

    def sequence_of(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        """The row of `sequences` to which each sample belongs."""
        return np.searchsorted(self.sequences.first_sample, self._checked(samples), side="right") - 1

    def time_of(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        """The first step of each sample, ns UTC."""
        wanted = self._checked(samples)
        row = self.sequence_of(wanted)
        position = wanted - self.sequences.first_sample[row]
        return self.sequences.start_time[row] + position * self.segment_length * self.frequency

    @property
    def chunk_samples(self) -> int:
        """Samples in the largest chunk: what is read at once if one sample is wanted."""
        return int(self._shards.chunk_samples.max(initial=1))

    def close(self) -> None:
        """Close all files, end the threads and forget what was read; reading goes on working."""
        self._threads.close()
        self._open.close()
        with self._lock:
            self._cache, self._memory = ChunkCache(self.budget_bytes), Memory()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "budget_bytes": self.budget_bytes,
            "threads": self.threads,
            "fingerprint": self.fingerprint,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["budget_bytes"], state["threads"])  # type: ignore[misc]
        if self.fingerprint != state["fingerprint"]:
            raise FormatError(f"{self.path} was replaced while it was in use: start this stage again.")

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._open = OpenShards(self.path.parent, self._shards, self._header)
        self._cache = ChunkCache(self.budget_bytes)
        self._memory, self._plans = Memory(), RecentPlans(self._parts)
        self._threads: Threads = Threads(self.threads)

    def _fill(self, name: str, answer: NDArray[Any], wanted: Sequence[ChunkRead]) -> None:
        missing = [pick for pick in wanted if not self._filled_from_cache(name, answer, pick)]
        self._threads.each(lambda pick: self._fill_from_file(name, answer, pick), missing)

    def _filled_from_cache(self, name: str, answer: NDArray[Any], pick: ChunkRead) -> bool:
        with self._lock:
            chunk = self._cache.find((name, pick.part, pick.start))
        if chunk is not None:
            pick.copy(chunk, answer)
        return chunk is not None

    def _fill_from_file(self, name: str, answer: NDArray[Any], pick: ChunkRead) -> None:
        chunk = self._open.read(name, pick.part, pick.start, pick.stop)
        pick.copy(chunk, answer)
        # who reads chunk after chunk once would only push out what others come back to
        if not pick.takes_all or self._fits:
            with self._lock:
                self._cache.keep((name, pick.part, pick.start), chunk)

    def _sample_bytes(self) -> int:
        """Bytes of one sample in all arrays."""
        lengths = [[self._header.length_of(axis) for axis in array.axes[1:]] for array in ARRAYS]
        return sum(
            math.prod(shape) * array.dtype.itemsize for shape, array in zip(lengths, ARRAYS, strict=True)
        )

    def _checked(self, samples: Sequence[int] | NDArray[Any]) -> Ints:
        wanted = np.asarray(samples, dtype=np.int64)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self.sample_count):
            raise IndexError(
                f"{self.path}: samples lie in [0, {self.sample_count}), found {wanted.min()} to {wanted.max()}"
            )
        return wanted

    def _alone(self, file: h5py.File) -> Shards:
        """A shard as a data set of one part."""
        chunks = dataset_in(file, "X", self.path).chunks or (1,)
        return Shards(
            file=np.array([self.path.name], dtype=object),
            group=np.array([self._header.group], dtype=object),
            fingerprint=np.array([self._header.fingerprint], dtype=object),
            first_sample=np.zeros(1, np.int64),
            sample_count=np.array([self._header.sample_count], np.int64),
            chunk_samples=np.array([chunks[0]], np.int64),
        )


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
    follows = [
        bool((table.first_sample == np.cumsum(table.sample_count) - table.sample_count).all())
        for table in (sequences, shards)
    ]
    fits = bool(
        (sample_count_for(sequences.step_count, header.segment_length) == sequences.sample_count).all()
    )
    faults = []
    if len(set(counts.values())) > 1 or len(set(steps.values())) > 1:
        faults.append(f"samples and steps must add up, found {counts | steps}")
    if not all(follows):
        faults.append("sequences and shards must begin where the one before ends")
    if not fits:
        faults.append(
            f"a sequence must have the samples that its steps need at segment_length {header.segment_length}"
        )
    if faults:
        raise FormatError(f"{path}: {'; '.join(faults)}: {REMEDY}.")
