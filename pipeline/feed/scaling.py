"""scaler.json as arrays, rejected if it belongs to another data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Floats, Key, Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.scaler_file import read_scaler


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature and target: scaled = (physical - mean) / std.

    With `capacity` (target), the places of features or -1, a target is learned as a share: scaled = (physical / feature -
    mean) / std, and rows whose feature is not above 0 have no weight.

    Arrays are (column) where all series share a scale, else (index, column) by the index of the series: row 0 for a
    series of which nothing is known, then a row for each series that training knows, then one for each of `groups`,
    for that group's series never seen.
    """

    feature_mean: Floats
    feature_std: Floats
    target_mean: Floats
    target_std: Floats
    groups: tuple[str, ...] = ()
    capacity: tuple[int, ...] = ()

    @property
    def idle_values(self) -> Values:
        """Inputs (feature) that an idle row shows, as a series never seen: the scaled zero."""
        mean = self.feature_mean if self.feature_mean.ndim == 1 else self.feature_mean[0]
        return mean.astype(np.float32)

    @property
    def target_count(self) -> int:
        """The number of targets."""
        return int(self.target_mean.shape[-1])

    def sizes(self, inputs: Values) -> Values:
        """Return capacities (row, ..., target) from physical inputs (row, ..., feature); 1 for targets without one."""
        sizes = np.ones((*inputs.shape[:-1], self.target_count), np.float32)
        for target, feature in enumerate(self.capacity):
            if feature >= 0:
                sizes[..., target] = inputs[..., feature]
        return sizes

    def scaled_targets(
        self, values: Values, series: npt.NDArray[np.int32], sizes: Values | None = None
    ) -> Values:
        """Targets (row, ..., target) of series by their indices (row,), in scaled units; `sizes` are those of `sizes`."""
        if sizes is not None:
            values = np.divide(values, np.where(sizes > 0, sizes, np.float32(1)), dtype=np.float32)
        mean, std = (self._of(table, series, values.ndim) for table in (self.target_mean, self.target_std))
        return ((values - mean) / std).astype(np.float32, copy=False)

    @staticmethod
    def _of(table: Floats, series: npt.NDArray[np.int32], dimensions: int) -> Values:
        if table.ndim == 1:
            return table.astype(np.float32)
        rows = table.astype(np.float32)[series]
        return rows.reshape(len(series), *[1] * (dimensions - 2), table.shape[1])


def read_scaling(
    path: Path,
    features: tuple[str, ...],
    targets: tuple[str, ...],
    fingerprint: str,
    known: Sequence[Key] = (),
) -> Scaling:
    """Read scaler.json for a network that numbers the series in `known` from 1.

    Raises FormatError if the scaler has another format, or was fitted on other columns or a data set with another
    fingerprint.
    """
    content = read_scaler(path)
    faults = [
        f"{name}: {found!r}, but the data set has {wanted!r}"
        for name, found, wanted in (
            ("fingerprint", content.get("fingerprint"), fingerprint),
            ("features", _names(content, "features"), list(features)),
            ("targets", _names(content, "targets"), list(targets)),
        )
        if found != wanted
    ]
    if faults:
        raise FormatError(f"{path} does not belong to this data set: run the stage `scale` again.", faults)
    groups = tuple(entry["group"] for entry in content["groups"])
    keys = [*known, *((group, None) for group in groups)]
    capacity = content.get("capacity", {})
    unknown = sorted({*capacity.values()} - {*features})
    if unknown:
        raise FormatError(
            f"{path}: the data set has no feature {', '.join(unknown)}: run the stage `scale` again."
        )
    return Scaling(
        feature_mean=_scale(content, "features", "mean", keys),
        feature_std=_scale(content, "features", "std", keys),
        target_mean=_scale(content, "targets", "mean", keys),
        target_std=_scale(content, "targets", "std", keys),
        groups=groups,
        capacity=tuple(features.index(capacity[name]) if name in capacity else -1 for name in targets)
        if capacity
        else (),
    )


def neutral_scaling(features: int, targets: int) -> Scaling:
    """The scaling that changes nothing."""
    return Scaling(np.zeros(features), np.ones(features), np.zeros(targets), np.ones(targets))


def _scale(
    content: Mapping[str, Any], part: str, field: str, keys: Sequence[tuple[str, str | None]]
) -> Floats:
    """One array of a Scaling; a series that the scaler lacks takes its group's row, a group that it lacks row 0."""
    whole = [entry[field] for entry in content[part]]
    found = {
        (entry["group"], entry.get("series")): entry[part][field]
        for entry in (*content["groups"], *content["series"])
        if part in entry
    }
    if not found:
        return np.array(whole, np.float64)
    rows = [found.get(key) or found.get((key[0], None)) or whole for key in keys]
    return np.array([whole, *rows], np.float64)


def _names(content: dict[str, Any], part: str) -> list[str]:
    return [entry.get("name") for entry in content.get(part, [])]


def series_numbers(
    sequences: Sequences, known: Sequence[Key], groups: Sequence[str] = ()
) -> npt.NDArray[np.int32]:
    """For each sequence the index of its series: its place (from 1) among the known ones.

    Where it is none of them, the place of its group among `groups`, numbered after the series; else 0.
    """
    numbers: dict[Key | str, int] = {key: number for number, key in enumerate(known, start=1)}
    numbers |= {group: number for number, group in enumerate(groups, start=len(known) + 1)}
    keys = (_key(sequences, row) for row in range(len(sequences)))
    return np.array([numbers.get(key) or numbers.get(key[0], 0) for key in keys], np.int32)


def name_of(sequences: Sequences, row: int) -> str:
    """The name of a sequence in messages."""
    group, series = _key(sequences, row)
    return f"series {series!r} of group {group!r}, track {int(sequences.track[row])}"


def _key(sequences: Sequences, row: int) -> Key:
    return str(sequences.group[row]), str(sequences.series[row])
