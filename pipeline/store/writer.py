"""Writing the steps of one group to its shard, whose bytes depend only on the steps and the settings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence
from hindcast.pipeline.arrays import Times, Values
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.store.file_header import Header, label_array, write_header
from hindcast.pipeline.store.index_tables import write_column, write_table
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.layout import (
    TIME,
    ArrayLayout,
    filter_options,
    lay_out,
    sample_count_for,
    samples_per_chunk,
)
from hindcast.pipeline.store.open_files import create_file
from hindcast.pipeline.wording import counted, time_text

_SHOWN = 20  # faults of a kind in one message


def write_shard(
    path: Path, aligned: AlignedGroup, params: Params, fingerprint: str, *, flushed: bool = True
) -> Header:
    """Write the shard of one group and return its header; `flushed` as in `replace_file`.

    `path` is replaced only when the file is complete. Raises AlignmentError, with all faults, if the steps violate the
    format: no sequence, a NaN or infinite number in X, Y or W, a negative weight, steps that are not `raw.frequency`
    apart, a decreasing origin, sequences out of order.
    """
    _check(aligned, params.raw.stamp_grid(None, aligned.group))
    sequences = _sequences(aligned, params.pack.segment_length)
    header = _header(aligned, sequences, params, fingerprint)
    with replace_file(path, flushed=flushed) as temporary, create_file(temporary) as file:
        scales = write_header(file, header)
        write_table(file, "sequences", sequences)
        times = [sequence.times[:: header.segment_length] for sequence in aligned.sequences]
        rows = np.repeat(np.arange(len(sequences), dtype="<i4"), sequences.sample_count)
        write_column(file, "sequence", rows).dims[0].attach_scale(scales["sample"])
        starts = np.concatenate(times).astype(TIME.dtype)
        label_array(write_column(file, TIME.name, starts), TIME, scales)
        chunk = samples_per_chunk(
            params.pack.chunk_bytes, header.segment_length, len(header.features), header.sample_count
        )
        for array in header.arrays:
            _write_array(file, array, aligned, header, chunk=chunk, codec=params.pack.codec)
            label_array(file[array.name], array, scales)
    return header


def _header(aligned: AlignedGroup, sequences: Sequences, params: Params, fingerprint: str) -> Header:
    return Header(
        fingerprint=fingerprint,
        group=aligned.group,
        sample_count=int(sequences.sample_count.sum()),
        segment_length=params.pack.segment_length,
        step_count=int(sequences.step_count.sum()),
        frequency=params.raw.frequency.ns,
        first_target_time=aligned.first_target_time,
        last_target_time=aligned.last_target_time,
        features=tuple(feature.name for feature in aligned.features),
        feature_units=tuple(feature.unit for feature in aligned.features),
        feature_descriptions=tuple(feature.description for feature in aligned.features),
        feature_masks=tuple(feature.mask for feature in aligned.features),
        feature_parts=tuple(feature.part for feature in aligned.features),
        targets=aligned.targets,
        target_units=aligned.target_units,
        sources=aligned.sources,
        forecasters=STORED,
        has_flagged=aligned.sequences[0].flagged is not None,
        has_missed=aligned.sequences[0].X_missed is not None,
    )


def _sequences(aligned: AlignedGroup, segment_length: int) -> Sequences:
    steps = np.array([len(sequence.times) for sequence in aligned.sequences], dtype=np.int64)
    samples = sample_count_for(steps, segment_length)
    return Sequences(
        group=np.array([aligned.group] * len(steps), dtype=object),
        series=np.array([sequence.series for sequence in aligned.sequences], dtype=object),
        track=np.array([sequence.track for sequence in aligned.sequences], dtype=np.int64),
        start_time=np.array([sequence.times[0] for sequence in aligned.sequences], dtype=np.int64),
        first_sample=np.cumsum(samples) - samples,
        sample_count=samples,
        step_count=steps,
    )


def _write_array(
    file: h5py.File, array: ArrayLayout, aligned: AlignedGroup, header: Header, *, chunk: int, codec: str
) -> None:
    shape = header.shape_of(array)
    if 0 in shape:  # no forecast source: HDF5 has no empty chunks
        file.create_dataset(array.name, shape, array.dtype)
        return
    values = np.empty(shape, array.dtype)
    steps, start = values.reshape(-1, *shape[2:]), 0
    for sequence in aligned.sequences:
        lay_out(getattr(sequence, array.name), steps[start:], header.segment_length, array.padding)
        start += sample_count_for(len(sequence.times), header.segment_length) * header.segment_length
    file.create_dataset(array.name, data=values, chunks=(chunk, *shape[1:]), **filter_options(codec))


def _check(aligned: AlignedGroup, grid: StampGrid) -> None:
    if not aligned.sequences:
        raise AlignmentError(f"Group {aligned.group!r} has no sequence, so there is no shard to write.")
    faults = [fault for sequence in aligned.sequences for fault in _find_faults(sequence, aligned, grid)]
    keys = [(sequence.series, sequence.track, int(sequence.times[0])) for sequence in aligned.sequences]
    faults += [
        f"sequences must be ordered by (series, track, start), found {after} after {before}"
        for before, after in pairwise(keys)
        if after <= before
    ]
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise AlignmentError(
            f"Group {aligned.group!r} cannot be stored: {counted(len(faults), 'fault')}.",
            faults[:_SHOWN] + more,
        )


def _find_faults(sequence: AlignedSequence, aligned: AlignedGroup, grid: StampGrid) -> Iterator[str]:
    label = f"series {sequence.series!r}, track {sequence.track}"
    length, first = grid.frequency, sequence.times[:1]
    if (np.diff(sequence.times) != length).any() or ((first - grid.offset) % length).any():
        offset = f" plus the offset {grid.offset} ns" if grid.offset else ""
        yield f"{label}: steps must be multiples of the frequency{offset} and {length} ns apart"
    if (np.diff(sequence.origin) < 0).any():
        yield f"{label}: the origin must not decrease along a sequence"
    for name, values in (("X", sequence.X), ("Y", sequence.Y), ("X_missed", sequence.X_missed)):
        if values is not None and not np.isfinite(values).all():
            names = aligned.targets if name == "Y" else tuple(feature.name for feature in aligned.features)
            yield from _not_finite(label, name, values, names, sequence.times)
    if not (np.isfinite(sequence.W) & (sequence.W >= 0)).all():
        yield f"{label}: weights W must be finite and not negative"


def _not_finite(
    label: str, name: str, values: Values, columns: tuple[str, ...], times: Times
) -> Iterator[str]:
    bad = ~np.isfinite(values)
    for column in np.flatnonzero(bad.any(axis=0)):
        first = int(np.argmax(bad[:, column]))
        yield (
            f"{label}: {name} must be finite, found {values[first, column]} in {columns[column]} "
            f"at {time_text(int(times[first]))} ({int(bad[:, column].sum())} such steps)"
        )
