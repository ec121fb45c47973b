"""A data set looked at whole: every checksum, count, index and fingerprint, and all that is damaged told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from threading import Lock

import h5py
import numpy as np

from hindcast.pipeline.errors import FormatError, HindcastError, MissingInputError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.store.index_types import Ints, Sequences
from hindcast.pipeline.store.join_shards import SUFFIX
from hindcast.pipeline.store.layout import ARRAYS, SCALER_FORMAT, explain_scaler_format
from hindcast.pipeline.store.open_files import REMEDY, open_to_read, report_damage
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.threads import Threads, default_thread_count

_SHOWN = 5  # faults of one kind in one file


@dataclass(frozen=True)
class Verified:
    """What was looked at and found whole."""

    shards: int
    samples: int
    chunks: int
    bytes: int


def verify(folder: Path) -> Verified:
    """Look at `dataset.h5` in a folder (`data/`, or a data set's own), and at all shards that belong to it.

    Every chunk is decoded and its checksum verified; tables, coordinates and indices are held against one another; the
    scaler's fingerprint is compared where there is one. Raises FormatError with all faults, each naming its file, and
    MissingInputError where there is nothing to look at.
    """
    path = folder / f"dataset{SUFFIX}"
    found = _Look()
    if path.exists():
        found.at_dataset(path)
    shards = sorted({*found.shards, *(folder / "packed").glob(f"*{SUFFIX}")})
    if not path.exists() and not shards:
        raise MissingInputError(
            f"{folder} holds neither dataset.h5 nor packed/*.h5: run the stage `pack` first."
        )
    if found.shards:
        found.note(
            f"{stray} belongs to no data set: dataset.h5 does not name it; run the stage `split` again"
            for stray in shards
            if stray not in found.shards
        )
    for shard in shards:
        if shard.is_file():
            found.at_shard(shard)
    if found.faults:
        count = len(found.faults)
        raise FormatError(
            f"{folder} is damaged: {count} {'fault' if count == 1 else 'faults'}. Where a line names no stage: {REMEDY}.",
            found.faults,
        )
    return Verified(len(shards), found.samples, found.chunks, found.bytes)


class _Look:
    """Faults so far, and what was looked at."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.shards: set[Path] = set()  # of the data set's table
        self.samples = self.chunks = self.bytes = 0
        self._parts: dict[Path, tuple[int, Sequences]] = {}

    def note(self, faults: Iterator[str]) -> None:
        self.faults += faults

    def at_dataset(self, path: Path) -> None:
        """The joined file: its seal, tables, splits, and that its shards are there and are the ones it names."""
        self.bytes += path.stat().st_size
        with self._noting(), Dataset(path, 0) as dataset:
            table = dataset.shards
            for row, name in enumerate(table.file):
                shard = path.parent / str(name)
                self.shards.add(shard)
                if not shard.is_file():
                    self.faults.append(f"{shard} is absent")
                else:
                    self._opened(dataset, row)
                first, count = int(table.first_sample[row]), int(table.sample_count[row])
                self._parts[shard] = first, _rows_of(dataset.sequences, first, count)
            self.note(_faults_of_splits(dataset))
            self.note(_faults_of_scaler(path.parent / "scaler.json", dataset.fingerprint))
            self.note(find_column_faults(path))

    def _opened(self, dataset: Dataset, row: int) -> None:
        """What a stream would see of a shard: that it is of the data set's kind."""
        with self._noting():
            dataset.read("W", dataset.shards.first_sample[row : row + 1])

    def at_shard(self, path: Path) -> None:
        """A shard: all its chunks, tables and coordinates, and that it is the one that the data set joined."""
        self.bytes += path.stat().st_size
        with self._noting(), Dataset(path, 0) as shard:
            self.samples += shard.sample_count
            if path in self._parts:
                self.note(self._strange(path, shard))
            self.note(self._bad_chunks(shard))
            self.note(find_column_faults(path))

    def _strange(self, path: Path, shard: Dataset) -> Iterator[str]:
        first, expected = self._parts[path]
        for column in fields(Sequences):
            mine = getattr(shard.sequences, column.name)
            mine = mine + first if column.name == "first_sample" else mine
            if not np.array_equal(mine, getattr(expected, column.name)):
                yield f"{path}: /sequences/{column.name} differs from what dataset.h5 joined"

    def _bad_chunks(self, shard: Dataset) -> Iterator[str]:
        size, count = shard.chunk_samples, shard.sample_count
        pieces = [(array.name, start) for array in ARRAYS for start in range(0, count, size)]
        self.chunks += len(pieces)
        bad: dict[tuple[str, int], str] = {}
        lock = Lock()

        def read(piece: tuple[str, int]) -> None:
            name, start = piece
            try:
                shard.read(name, np.arange(start, min(start + size, count)))
            except HindcastError as fault:
                with lock:
                    bad[piece] = _line(fault)

        _all_of(read, pieces)
        told = list(dict.fromkeys(bad[piece] for piece in pieces if piece in bad))
        yield from told[:_SHOWN]
        if len(told) > _SHOWN:
            yield f"{shard.path}: and {len(told) - _SHOWN} more such chunks"

    def _noting(self) -> _Noting:
        return _Noting(self.faults)


class _Noting:
    """Notes an error of ours as faults and goes on behind the block."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> bool:
        if not isinstance(fault, HindcastError):
            return False
        line = _line(fault)
        if line not in self._faults:
            self._faults.append(line)
        return True


def _all_of(work: Callable[[tuple[str, int]], None], pieces: list[tuple[str, int]]) -> None:
    threads = Threads(default_thread_count())
    try:
        threads.each(work, pieces)
    finally:
        threads.close()


def _line(fault: HindcastError) -> str:
    """An error as one line, without the remedy, which is told once for all."""
    text = fault.summary.removesuffix(f": {REMEDY}.")
    return f"{text}: {'; '.join(fault.faults)}" if fault.faults else text


def _rows_of(sequences: Sequences, first: int, count: int) -> Sequences:
    """The rows of the table that belong to the samples [first, first + count)."""
    rows = (sequences.first_sample >= first) & (sequences.first_sample < first + count)
    return Sequences(**{column.name: getattr(sequences, column.name)[rows] for column in fields(Sequences)})


def _faults_of_splits(dataset: Dataset) -> Iterator[str]:
    plain: dict[str, Ints] = {}
    for name in dataset.splits:
        try:
            split = dataset.split(name)
        except FormatError as fault:
            yield _line(fault)
            continue
        indices, counted = split.indices, split.attributes.get("sample_count", len(split.indices))
        if (np.diff(indices) <= 0).any():
            yield f"{dataset.path}: splits/{name} must be ascending, each index once"
        if counted != len(indices):
            yield f"{dataset.path}: splits/{name} holds {len(indices)} samples, its sample_count says {counted}"
        if "/" not in name:
            plain[name] = indices
    for one, other in combinations(plain, 2):
        shared = np.intersect1d(plain[one], plain[other])
        if len(shared):
            yield f"{dataset.path}: splits/{one} and splits/{other} share {len(shared)} samples, as {shared[0]}"


def _faults_of_scaler(path: Path, fingerprint: str) -> Iterator[str]:
    if not path.exists():
        return
    content = read_json(path)
    scaler = content if isinstance(content, dict) else {}
    if scaler.get("format") != SCALER_FORMAT:
        yield f"{path}: {explain_scaler_format(scaler.get('format'))}"
    elif scaler.get("fingerprint") != fingerprint:
        yield (
            f"{path} was fitted on a data set of fingerprint {scaler.get('fingerprint')!r}, this one has {fingerprint!r}: "
            "run the stage `scale` again"
        )


def find_column_faults(path: Path) -> Iterator[str]:
    """What is wrong with the small tables of one file: each is read whole; time, sequence and the coordinates must agree
    with `/sequences`.
    """
    with open_to_read(path) as file, report_damage(path, "reading its tables"):
        big = {array.name for array in ARRAYS}
        small: list[h5py.Dataset] = []
        file.visititems(
            lambda name, item: (
                small.append(item) if isinstance(item, h5py.Dataset) and name not in big else None
            )
        )
        for dataset in (one for one in small if not one.is_virtual):  # those are the shards' own
            with report_damage(path, f"reading {dataset.name}"):
                dataset[()]
        counted = {name: file[name][()] for name in ("sample", "step")}
        rows = {name: file[name][()] for name in ("sequence", "time") if not file[name].is_virtual}
    for name, values in counted.items():
        if not np.array_equal(values, np.arange(len(values))):
            yield f"{path}: the coordinate {name} must count from 0"
    with Dataset(path, 0) as dataset:
        every = np.arange(dataset.sample_count)
        expected = {"sequence": dataset.sequence_of(every), "time": dataset.time_of(every)}
        for name, values in rows.items():
            if not np.array_equal(values, expected[name]):
                yield f"{path}: {name} differs from what /sequences says"
