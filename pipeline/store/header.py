"""What a file of format hindcast/1 says of itself: attributes at the root, and coordinates with their units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from hindcast.pipeline.store.access import blaming, dataset_in, text_of, write_text
from hindcast.pipeline.store.layout import FORMAT
from hindcast.pipeline.store.tables import decode, encode, write_column


@dataclass(frozen=True)
class Header:
    """Identity and axes of a shard or a data set.

    `frequency` in ns; `step_count` without padding; `feature_masks[i]` is the feature that is 1 where feature
    i is missing, or -1; `feature_parts[i]` is the named input to which it belongs; `first_target_time` and `last_target_time` (ns UTC) span the observed targets, int64
    max and min where there are none; `group` is empty in a data set.
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

    def length_of(self, axis: str) -> int:
        """The length of an axis of the big arrays."""
        return {
            "sample": self.sample_count,
            "step": self.segment_length,
            "feature": len(self.features),
            "target": len(self.targets),
            "source": len(self.sources),
            "forecaster": len(self.forecasters),
        }[axis]

    def kind(self) -> Header:
        """The header without what differs from shard to shard: shards that are joined must agree in it."""
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
    for name, value in _numbers(header).items():
        file.attrs[name] = np.int64(value)
    scales = {
        "sample": write_column(file, "sample", np.arange(header.sample_count, dtype="<i8")),
        "step": write_column(file, "step", np.arange(header.segment_length, dtype="<i8")),
        "feature": write_column(file, "feature", encode(header.features)),
        "target": write_column(file, "target", encode(header.targets)),
        "source": write_column(file, "source", encode(header.sources)),
        "forecaster": write_column(file, "forecaster", encode(header.forecasters)),
    }
    for name, scale in scales.items():
        scale.make_scale(name)
    scales["feature"].attrs["units"] = encode(header.feature_units)
    scales["feature"].attrs["descriptions"] = encode(header.feature_descriptions)
    scales["feature"].attrs["mask"] = np.array(header.feature_masks, dtype="<i4")
    scales["feature"].attrs["parts"] = encode(header.feature_parts)
    scales["target"].attrs["units"] = encode(header.target_units)
    return scales


def read_header(file: h5py.File, path: Path) -> Header:
    """Read what `write_header` wrote; FormatError if something is absent or damaged."""
    names = {axis: _names(file, axis, path) for axis in ("feature", "target", "source", "forecaster")}
    with blaming(path, "reading its attributes"):
        feature, target = file["feature"].attrs, file["target"].attrs
        return Header(
            fingerprint=text_of(file.attrs["fingerprint"]),
            group=text_of(file.attrs.get("group", "")),
            sample_count=int(file.attrs["sample_count"]),
            segment_length=int(file.attrs["segment_length"]),
            step_count=int(file.attrs["step_count"]),
            frequency=int(file.attrs["frequency_ns"]),
            first_target_time=int(file.attrs["first_target_time"]),
            last_target_time=int(file.attrs["last_target_time"]),
            features=names["feature"],
            feature_units=tuple(decode(feature["units"])),
            feature_descriptions=tuple(decode(feature["descriptions"])),
            feature_masks=tuple(int(mask) for mask in feature["mask"]),
            feature_parts=tuple(decode(feature["parts"]))
            if "parts" in feature
            else ("inputs",) * len(names["feature"]),
            targets=names["target"],
            target_units=tuple(decode(target["units"])),
            sources=names["source"],
            forecasters=names["forecaster"],
        )


def _numbers(header: Header) -> dict[str, int]:
    return {
        "sample_count": header.sample_count,
        "segment_length": header.segment_length,
        "step_count": header.step_count,
        "frequency_ns": header.frequency,
        "first_target_time": header.first_target_time,
        "last_target_time": header.last_target_time,
    }


def _names(file: h5py.File, axis: str, path: Path) -> tuple[str, ...]:
    dataset = dataset_in(file, axis, path)
    with blaming(path, f"reading {axis}"):
        return tuple(decode(dataset[()]))
