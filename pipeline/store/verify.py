"""Verification of a whole data set: every checksum, count, index and fingerprint; all damage is reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from threading import Lock

import h5py
import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.digests import FileDigests, digest_of_shards
from hindcast.pipeline.errors import FormatError, HindcastError, MissingInputError
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.join_shards import SUFFIX
from hindcast.pipeline.store.layout import BY_NAME
from hindcast.pipeline.store.open_files import REMEDY, check_not_held, open_to_read, report_damage
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.scaler_file import read_scaler
from hindcast.pipeline.store.threads import WorkerThreads, default_thread_count
from hindcast.pipeline.wording import counted

_MOST_LISTED = 5  # faults of one kind in one file


@dataclass(frozen=True)
class Verified:
    """How much was checked without finding damage."""

    shards: int
    samples: int
    chunks: int
    bytes: int


def verify(folder: Path, find_more: Callable[[str | None], Iterable[str]] = lambda _: ()) -> Verified:
    """Check `dataset.h5` in a folder (`data/`, or a data set's own), and all shards that belong to it.

    Every chunk is decoded and its checksum verified. Tables, coordinates and indices are compared with each other, and
    the scaler's fingerprint, if there is a scaler, with that of the data set. `find_more` is called with the data set's
    fingerprint, None if it could not be read, and returns further faults. Raises FormatError with all faults, each naming
    its file, MissingInputError if there is no data set and no shard, and BusyError if another program is writing to one.
    """
    path = folder / f"dataset{SUFFIX}"
    for file in (path, *sorted((folder / "packed").glob(f"*{SUFFIX}"))):
        check_not_held(file)
    check = _Verification()
    if path.exists():
        check.check_dataset(path)
    shards = sorted({*check.shards, *(folder / "packed").glob(f"*{SUFFIX}")})
    if not path.exists() and not shards:
        raise MissingInputError(f"{folder} has no dataset.h5 and no packed/*.h5: run the stage `pack` first.")
    if check.shards:
        check.faults += [
            f"{stray} is not listed in dataset.h5: run the stage `split` again"
            for stray in shards
            if stray not in check.shards
        ]
    for shard in shards:
        if shard.is_file():
            check.check_shard(shard)
    check.check_bytes(path)
    check.faults += [fault for fault in find_more(check.fingerprint) if fault not in check.faults]
    if check.faults:
        count = len(check.faults)
        raise FormatError(
            f"{folder} is damaged: {count} {'fault' if count == 1 else 'faults'}. Where a line names no stage: {REMEDY}.",
            check.faults,
        )
    return Verified(len(shards), check.samples, check.chunks, check.bytes)


class _Verification:
    """The faults found so far, and how much has been checked."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.shards: set[Path] = set()  # of the data set's table
        self.samples = self.chunks = self.bytes = 0
        self.fingerprint: str | None = None
        self._recorded: set[object] = set()  # digests of the shards, in the splits
        self._sequences: dict[Path, Sequences] = {}  # of each shard, as the data set joined them

    def check_dataset(self, path: Path) -> None:
        """Check the joined file: its seal, tables and splits, and that the shards it names exist and match."""
        self.bytes += path.stat().st_size
        with self._collect_error(), Dataset(path, 0, check_shards=False) as dataset:
            table, self.fingerprint = dataset.shards, dataset.fingerprint
            for row, name in enumerate(table.file):
                shard = path.parent / str(name)
                self.shards.add(shard)
                if not shard.is_file():
                    self.faults.append(f"{shard} is missing")
                else:
                    # the reader compares a shard with the data set when it opens it
                    with self._collect_error():
                        dataset.read("W", table.first_sample[row : row + 1])
                self._sequences[shard] = _sequences_of(
                    dataset.sequences, int(table.first_sample[row]), int(table.sample_count[row])
                )
            for name in dataset.splits:
                self._recorded |= {dataset.split(name).attributes.get("shards_digest")} - {None}
            self.faults += _find_split_faults(dataset)
            self.faults += _find_scaler_faults(path.parent / "scaler.json", dataset.fingerprint)
            self.faults += find_column_faults(path)

    def check_shard(self, path: Path) -> None:
        """Check all chunks, tables and coordinates of a shard, and that the data set has a copy of its sequences."""
        self.bytes += path.stat().st_size
        with self._collect_error(), Dataset(path, 0) as shard:
            self.samples += shard.sample_count
            for column in fields(Sequences) if path in self._sequences else ():
                joined = getattr(self._sequences[path], column.name)
                if not np.array_equal(getattr(shard.sequences, column.name), joined):
                    self.faults.append(
                        f"{path}: /sequences/{column.name} differs from the copy in dataset.h5: the shard was "
                        f"replaced after the stage `split`; {REMEDY}"
                    )
            self.faults += self._find_bad_chunks(shard)
            self.faults += find_column_faults(path)

    def check_bytes(self, dataset: Path) -> None:
        """Compare the bytes of all shards with the digest that the splits record."""
        if self._recorded and all(shard.is_file() for shard in self.shards):
            found = digest_of_shards(FileDigests().compute_all(sorted(self.shards)))
            if self._recorded != {found}:
                self.faults.append(
                    f"{dataset} was made from other shards: one was edited or replaced since the stage `split`"
                )

    def _find_bad_chunks(self, shard: Dataset) -> Iterator[str]:
        size, count = shard.chunk_samples, shard.sample_count
        chunks = [(array.name, start) for array in shard.header.arrays for start in range(0, count, size)]
        self.chunks += len(chunks)
        bad: dict[tuple[str, int], str] = {}
        lock, threads = Lock(), WorkerThreads(default_thread_count())

        def read(chunk: tuple[str, int]) -> None:
            name, start = chunk
            try:
                shard.read(name, np.arange(start, min(start + size, count)))
            except HindcastError as fault:
                with lock:
                    bad[chunk] = _in_one_line(fault)

        try:
            threads.for_each(read, chunks)
        finally:
            threads.close()
        faults = list(dict.fromkeys(bad[chunk] for chunk in chunks if chunk in bad))
        yield from faults[:_MOST_LISTED]
        if len(faults) > _MOST_LISTED:
            yield f"{shard.path}: and {len(faults) - _MOST_LISTED} more such chunks"

    @contextmanager
    def _collect_error(self) -> Iterator[None]:
        """Add a HindcastError of the block to the faults, unless it is there already, and continue after the block."""
        try:
            yield
        except HindcastError as fault:
            line = _in_one_line(fault)
            if line not in self.faults:
                self.faults.append(line)


def find_column_faults(path: Path) -> list[str]:
    """Return the faults of the small tables of one file: each is read whole; time, sequence and the coordinates must
    agree with `/sequences`.
    """
    return examine_columns(path)[0]


def examine_columns(path: Path) -> tuple[list[str], str, str]:
    """Return the faults of `find_column_faults`, and the group of the first sequence and the fingerprint of the file."""
    faults = []
    with open_to_read(path) as file, report_damage(path, "reading its tables"):

        def read_small(name: str, item: h5py.Dataset | h5py.Group) -> None:
            # the big arrays are read chunk by chunk, and virtual datasets are stored in the shards
            if isinstance(item, h5py.Dataset) and name not in BY_NAME and not item.is_virtual:
                with report_damage(path, f"reading {item.name}"):
                    item[()]

        file.visititems(read_small)
        axes = {name: file[name][()] for name in ("sample", "step")}
        rows = {name: file[name][()] for name in ("sequence", "time") if not file[name].is_virtual}
    for name, values in axes.items():
        if not np.array_equal(values, np.arange(len(values))):
            faults.append(f"{path}: the coordinate {name} must count from 0")
    with Dataset(path, 0, check_shards=False) as opened:
        every = np.arange(opened.sample_count)
        expected = {"sequence": opened.sequence_of(every), "time": opened.time_of(every)}
        for name, values in rows.items():
            if not np.array_equal(values, expected[name]):
                faults.append(f"{path}: {name} differs from /sequences")
        return faults, str(opened.sequences.group[0]), opened.fingerprint


def _find_split_faults(dataset: Dataset) -> Iterator[str]:
    parts: dict[str, Ints] = {}
    for name in dataset.splits:
        try:
            split = dataset.split(name)
        except FormatError as fault:
            yield _in_one_line(fault)
            continue
        indices, declared = split.indices, split.attributes.get("sample_count", len(split.indices))
        if (np.diff(indices) <= 0).any():
            yield f"{dataset.path}: the indices of splits/{name} must be ascending and unique"
        if declared != len(indices):
            yield f"{dataset.path}: splits/{name} has {counted(len(indices), 'sample')}, but its sample_count is {declared}"
        if "/" not in name:  # folds may share samples
            parts[name] = indices
    for first, second in combinations(parts, 2):
        shared = np.intersect1d(parts[first], parts[second])
        if len(shared):
            yield f"{dataset.path}: splits/{first} and splits/{second} share {counted(len(shared), 'sample')}, for example {shared[0]}"


def _find_scaler_faults(path: Path, fingerprint: str) -> Iterator[str]:
    if not path.exists():
        return
    scaler = read_scaler(path)
    if scaler["fingerprint"] != fingerprint:
        yield (
            f"{path} was fitted on a data set with fingerprint {scaler['fingerprint']!r}; this one has {fingerprint!r}: "
            "run the stage `scale` again"
        )


def _sequences_of(sequences: Sequences, first: int, count: int) -> Sequences:
    """Select the sequences of one shard, which has the samples [first, first + count), counted from `first`."""
    rows = (sequences.first_sample >= first) & (sequences.first_sample < first + count)
    columns = {column.name: getattr(sequences, column.name)[rows] for column in fields(Sequences)}
    return Sequences(**columns | {"first_sample": columns["first_sample"] - first})


def _in_one_line(fault: HindcastError) -> str:
    """Write an error as one line, without the remedy, which the summary gives once."""
    text = fault.summary.removesuffix(f": {REMEDY}.").removesuffix(".")
    return f"{text}: {'; '.join(fault.faults)}" if fault.faults else text
