"""The header of a file of format hindcast/1: attributes at the root, and coordinates with their units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.index_tables import decode_names, describe_times, encode_names, write_column
from hindcast.pipeline.store.index_types import Shards
from hindcast.pipeline.store.layout import ARRAYS, FLAGGED, FORMAT, MISSED, TIME, ArrayLayout
from hindcast.pipeline.store.open_files import (
    REMEDY,
    dataset_in,
    decode_text,
    read_attribute,
    report_damage,
    write_text,
)

_NUMBERS = (
    "sample_count", "segment_length", "step_count", "frequency_ns", "first_target_time", "last_target_time",
)  # fmt: skip
"""Attributes that are numbers, in the order in which they are written."""


@dataclass(frozen=True)
class Header:
    """Identity and axes of a shard or a data set.

    - `frequency` is in ns; `step_count` excludes padding; `group` is empty in a data set.
    - `feature_masks[i]` is the index of the feature that is 1 where feature i is missing, or -1 if there is none.
    - `feature_parts[i]` is the named input to which feature i belongs.
    - `has_flagged`: whether there is the array `flagged`; `has_missed`: whether there are `X_missed` and `published_missed`.
    - `first_target_time` and `last_target_time` (ns UTC) are the first and last observed target, or TIME_MAX and
      TIME_MIN if there is none.
    """

    fingerprint: str
    group: str
    sample_count: int
    segment_length: int
    step_count: int
    frequency: int
    first_target_time: int
    last_target_time: int
    features: tuple[str, ...]
    feature_units: tuple[str, ...]
    feature_descriptions: tuple[str, ...]
    feature_masks: tuple[int, ...]
    feature_parts: tuple[str, ...]
    targets: tuple[str, ...]
    target_units: tuple[str, ...]
    sources: tuple[str, ...]
    forecasters: tuple[str, ...]
    has_flagged: bool = False
    has_missed: bool = False

    @property
    def arrays(self) -> tuple[ArrayLayout, ...]:
        """The big arrays of the file."""
        flagged = (FLAGGED,) if self.has_flagged else ()
        return (*ARRAYS, *flagged, *(MISSED if self.has_missed else ()))

    def shape_of(self, array: ArrayLayout) -> tuple[int, ...]:
        """Return the shape of one of the arrays."""
        lengths = {
            "sample": self.sample_count,
            "step": self.segment_length,
            "feature": len(self.features),
            "target": len(self.targets),
            "source": len(self.sources),
            "forecaster": len(self.forecasters),
        }
        return tuple(lengths[axis] for axis in array.axes)

    def kind(self) -> Header:
        """Return the header without the fields that may differ between shards of one data set; all others must be equal."""
        timeless = replace(self, fingerprint="", group="", first_target_time=0, last_target_time=0)
        return replace(timeless, sample_count=0, step_count=0)


def write_header(file: h5py.File, header: Header) -> dict[str, h5py.Dataset]:
    """Write attributes and coordinates; return the coordinates by axis, to be attached as dimension scales."""
    write_text(file, "format", FORMAT)
    write_text(file, "fingerprint", header.fingerprint)
    if header.group:
        write_text(file, "group", header.group)
    for name in _NUMBERS:
        file.attrs[name] = np.int64(getattr(header, name.removesuffix("_ns")))
    scales = {
        name: write_column(file, name, values)
        for name, values in (
            ("sample", np.arange(header.sample_count, dtype="<i8")),
            ("step", np.arange(header.segment_length, dtype="<i8")),
            ("feature", encode_names(header.features)),
            ("target", encode_names(header.targets)),
            ("source", encode_names(header.sources)),
            ("forecaster", encode_names(header.forecasters)),
        )
    }
    for name, scale in scales.items():
        scale.make_scale(name)
    scales["feature"].attrs["units"] = encode_names(header.feature_units)
    scales["feature"].attrs["descriptions"] = encode_names(header.feature_descriptions)
    scales["feature"].attrs["mask"] = np.array(header.feature_masks, dtype="<i4")
    scales["feature"].attrs["parts"] = encode_names(header.feature_parts)
    scales["target"].attrs["units"] = encode_names(header.target_units)
    return scales


def label_array(dataset: h5py.Dataset, array: ArrayLayout, scales: Mapping[str, h5py.Dataset]) -> None:
    """Attach the coordinates to one of the arrays, and mark times as such for xarray."""
    for axis, name in enumerate(array.axes):
        dataset.dims[axis].attach_scale(scales[name])
    if array.is_time:
        describe_times(dataset, array.padding)


def read_header(file: h5py.File, path: Path) -> Header:
    """Read what `write_header` wrote; raise FormatError if something is missing or damaged."""
    names, scales = {}, {}
    for axis in ("feature", "target", "source", "forecaster"):
        scales[axis] = dataset_in(file, axis, path)
        with report_damage(path, f"reading {axis}"):
            names[axis] = tuple(decode_names(scales[axis][()]))
    with report_damage(path, "reading its attributes"):
        feature = partial(read_attribute, scales["feature"])
        numbers: dict[str, Any] = {
            name.removesuffix("_ns"): int(read_attribute(file, name)) for name in _NUMBERS
        }
        has_parts = h5py.h5a.exists(scales["feature"].id, b"parts")
        return Header(
            fingerprint=decode_text(read_attribute(file, "fingerprint")),
            group=decode_text(read_attribute(file, "group")) if h5py.h5a.exists(file.id, b"group") else "",
            **numbers,
            features=names["feature"],
            feature_units=tuple(decode_names(feature("units"))),
            feature_descriptions=tuple(decode_names(feature("descriptions"))),
            feature_masks=tuple(feature("mask").tolist()),
            feature_parts=tuple(
                decode_names(feature("parts")) if has_parts else ["inputs"] * len(names["feature"])
            ),
            targets=names["target"],
            target_units=tuple(decode_names(read_attribute(scales["target"], "units"))),
            sources=names["source"],
            forecasters=names["forecaster"],
            has_flagged=file.id.links.exists(FLAGGED.name.encode()),
            has_missed=file.id.links.exists(MISSED[0].name.encode()),
        )


def tabulate_shards(files: Sequence[str], headers: Sequence[Header], chunk_samples: Sequence[int]) -> Shards:
    """Build the table of shards from their files, headers and samples per chunk."""
    counts = np.array([header.sample_count for header in headers], np.int64)
    return Shards(
        file=np.array(files, dtype=object),
        group=np.array([header.group for header in headers], dtype=object),
        fingerprint=np.array([header.fingerprint for header in headers], dtype=object),
        first_sample=np.cumsum(counts) - counts,
        sample_count=counts,
        chunk_samples=np.array(chunk_samples, np.int64),
    )


class HeaderValues:
    """Base of a class that reads files and has the values of their header as attributes."""

    sample_count: int
    """Number of samples."""
    segment_length: int
    """Steps in a sample."""
    step_count: int
    """Steps without padding."""
    frequency: int
    """Time from one step to the next in ns."""
    fingerprint: str
    """Digest of what the file was written from."""
    features: tuple[str, ...]
    """Names of the columns of X."""
    feature_units: tuple[str, ...]
    """Units of the columns of X."""
    feature_parts: tuple[str, ...]
    """The part of a network's inputs to which each column of X belongs: history, forecast, calendar or static."""
    targets: tuple[str, ...]
    """Names of the columns of Y."""
    target_units: tuple[str, ...]
    """Units of the columns of Y."""
    sources: tuple[str, ...]
    """Names of the columns of `issued`."""
    first_target_time: int
    """Time of the first observed target, ns UTC; TIME_MAX if there is none."""
    last_target_time: int
    """Time of the last observed target, ns UTC; TIME_MIN if there is none."""

    def __init__(self, header: Header) -> None:
        self.header = header
        for name in HeaderValues.__annotations__:
            setattr(self, name, getattr(header, name))

    @property
    def feature_masks(self) -> Ints:
        """For each feature the index of the feature that is 1 where it is missing, or -1 if there is none."""
        return np.array(self.header.feature_masks, dtype=np.int64)

    @property
    def has_flagged(self) -> bool:
        """Whether there is the array `flagged`, which takes flagged targets out of training."""
        return self.header.has_flagged

    @property
    def has_missed(self) -> bool:
        """Whether there are the arrays `X_missed` and `published_missed`, which training reads instead of `X` and `published`."""
        return self.header.has_missed

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the columns of `baseline`."""
        return self.header.forecasters


def virtual_name(file: str) -> str:
    """Escape a relative file name for a virtual source of HDF5, where `%` begins a pattern."""
    return file.replace("%", "%%")


def check_virtual_sources(file: h5py.File, path: Path, shards: Shards, header: Header) -> None:
    """Raise FormatError if the table or the virtual arrays of a data set name a file outside its folder, or disagree.

    Our reader opens the shards that the table names; other tools follow the virtual sources: both must agree.
    """
    for name in map(str, shards.file):
        file_path = PurePosixPath(name)
        if file_path.is_absolute() or ".." in file_path.parts or not file_path.parts:
            raise FormatError(f"{path}: shards must lie in its folder or below, found {name!r}: {REMEDY}.")
    names, firsts = [virtual_name(str(name)) for name in shards.file], shards.first_sample.tolist()
    for array in (*header.arrays, TIME):
        dataset = dataset_in(file, array.name, path)
        if 0 in header.shape_of(array):
            continue
        with report_damage(path, f"reading the sources of {array.name}"):
            found = [
                (source.file_name, source.vspace.get_select_bounds()[0][0], source.dset_name.lstrip("/"))
                for source in (dataset.virtual_sources() if dataset.is_virtual else ())
            ]
        expected = [(name, first, array.name) for name, first in zip(names, firsts, strict=True)]
        if sorted(found) != sorted(expected):
            raise FormatError(
                f"{path}: {array.name} must be joined from the shards of its table /shards, found other sources: {REMEDY}."
            )
