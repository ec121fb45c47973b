"""The header of a file of format hindcast/1: attributes at the root, and coordinates with their units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.index_tables import decode_names, encode_names, write_column
from hindcast.pipeline.store.index_types import Shards
from hindcast.pipeline.store.layout import ARRAYS, FORMAT, TIME, ArrayLayout
from hindcast.pipeline.store.open_files import REMEDY, dataset_in, decode_text, report_damage, write_text

_NUMBERS = (
    "sample_count", "segment_length", "step_count", "frequency_ns", "first_target_time", "last_target_time",
)  # fmt: skip
"""Attributes that are numbers, in the order in which they are written."""


@dataclass(frozen=True)
class Header:
    """Identity and axes of a shard or a data set.

    `frequency` in ns; `step_count` without padding; `feature_masks[i]` is the feature that is 1 where feature
    i is missing, or -1; `feature_parts[i]` is the named input to which it belongs; `first_target_time` and
    `last_target_time` (ns UTC) span the observed targets, TIME_MAX and TIME_MIN where there are none; `group` is
    empty in a data set.
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

    def shape_of(self, array: ArrayLayout) -> tuple[int, ...]:
        """The shape of one of the arrays."""
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
        """The header without what differs between shards of one data set: joined shards must agree in the rest."""
        return replace(
            self,
            fingerprint="",
            group="",
            sample_count=0,
            step_count=0,
            first_target_time=0,
            last_target_time=0,
        )


def write_header(file: h5py.File, header: Header) -> dict[str, h5py.Dataset]:
    """Write attributes and coordinates; return the coordinates by axis, to be attached as dimension scales."""
    write_text(file, "format", FORMAT)
    write_text(file, "fingerprint", header.fingerprint)
    if header.group:
        write_text(file, "group", header.group)
    for name in _NUMBERS:
        file.attrs[name] = np.int64(getattr(header, name.removesuffix("_ns")))
    scales = {
        "sample": write_column(file, "sample", np.arange(header.sample_count, dtype="<i8")),
        "step": write_column(file, "step", np.arange(header.segment_length, dtype="<i8")),
        "feature": write_column(file, "feature", encode_names(header.features)),
        "target": write_column(file, "target", encode_names(header.targets)),
        "source": write_column(file, "source", encode_names(header.sources)),
        "forecaster": write_column(file, "forecaster", encode_names(header.forecasters)),
    }
    for name, scale in scales.items():
        scale.make_scale(name)
    scales["feature"].attrs["units"] = encode_names(header.feature_units)
    scales["feature"].attrs["descriptions"] = encode_names(header.feature_descriptions)
    scales["feature"].attrs["mask"] = np.array(header.feature_masks, dtype="<i4")
    scales["feature"].attrs["parts"] = encode_names(header.feature_parts)
    scales["target"].attrs["units"] = encode_names(header.target_units)
    return scales


def read_header(file: h5py.File, path: Path) -> Header:
    """Read what `write_header` wrote; FormatError if something is absent or damaged."""
    names = {}
    for axis in ("feature", "target", "source", "forecaster"):
        dataset = dataset_in(file, axis, path)
        with report_damage(path, f"reading {axis}"):
            names[axis] = tuple(decode_names(dataset[()]))
    with report_damage(path, "reading its attributes"):
        feature, target = file["feature"].attrs, file["target"].attrs
        numbers: dict[str, Any] = {name.removesuffix("_ns"): int(file.attrs[name]) for name in _NUMBERS}
        return Header(
            fingerprint=decode_text(file.attrs["fingerprint"]),
            group=decode_text(file.attrs.get("group", "")),
            **numbers,
            features=names["feature"],
            feature_units=tuple(decode_names(feature["units"])),
            feature_descriptions=tuple(decode_names(feature["descriptions"])),
            feature_masks=tuple(int(mask) for mask in feature["mask"]),
            feature_parts=tuple(decode_names(feature["parts"]))
            if "parts" in feature
            else ("inputs",) * len(names["feature"]),
            targets=names["target"],
            target_units=tuple(decode_names(target["units"])),
            sources=names["source"],
            forecasters=names["forecaster"],
        )


class HeaderValues:
    """The values of a header as attributes of a class that reads files."""

    sample_count: int
    """Number of samples."""
    segment_length: int
    """Steps in a sample."""
    step_count: int
    """Steps without padding."""
    frequency: int
    """Distance between steps in ns."""
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
    """First observed target, ns UTC; TIME_MAX where there is none."""
    last_target_time: int
    """Last observed target, ns UTC; TIME_MIN where there is none."""

    def __init__(self, header: Header) -> None:
        self.header = header
        for name in HeaderValues.__annotations__:
            setattr(self, name, getattr(header, name))

    @property
    def feature_masks(self) -> Ints:
        """For each feature the index of the one that is 1 where it is missing, else -1."""
        return np.array(self.header.feature_masks, dtype=np.int64)

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the columns of `baseline`."""
        return self.header.forecasters


def virtual_name(file: str) -> str:
    """A relative file name escaped for a virtual source of HDF5, where `%` begins a pattern."""
    return file.replace("%", "%%")


def check_virtual_sources(file: h5py.File, path: Path, shards: Shards, header: Header) -> None:
    """Raise FormatError where the table or the virtual arrays of a data set name a file outside its folder, or disagree.

    Our reader opens shards by the table; other tools follow the virtual sources: both must name the same files.
    """
    for name in map(str, shards.file):
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or not place.parts:
            raise FormatError(f"{path}: shards must lie in its folder or below, found {name!r}: {REMEDY}.")
    names, firsts = [virtual_name(str(name)) for name in shards.file], shards.first_sample.tolist()
    for array in (*ARRAYS, TIME):
        dataset = dataset_in(file, array.name, path)
        if 0 in header.shape_of(array):
            continue
        with report_damage(path, f"reading the sources of {array.name}"):
            found = [
                (source.file_name, source.vspace.get_select_bounds()[0][0], source.dset_name.lstrip("/"))
                for source in (dataset.virtual_sources() if dataset.is_virtual else ())
            ]
        if sorted(found) != sorted(
            (name, first, array.name) for name, first in zip(names, firsts, strict=True)
        ):
            raise FormatError(
                f"{path}: {array.name} must be joined from the shards of its table /shards, found other sources: {REMEDY}."
            )
