"""The index of a data set as DataFrames, and the steps of one series as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Ints
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.row_columns import name_columns
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import listed


def series_frame(dataset: Dataset) -> pd.DataFrame:
    """Return a row per (group, series): its tracks, sequences, samples and steps, and the times [start, end) of all steps."""
    table = dataset.sequences
    end = table.start_time + table.step_count * dataset.frequency
    frame = pd.DataFrame(
        {
            "group": table.group,
            "series": table.series,
            "track": table.track,
            "samples": table.sample_count,
            "steps": table.step_count,
            "start": table.start_time,
            "end": end,
        }
    )
    found = frame.groupby(["group", "series"], sort=False).agg(
        tracks=("track", "nunique"),
        sequences=("track", "size"),
        samples=("samples", "sum"),
        steps=("steps", "sum"),
        start=("start", "min"),
        end=("end", "max"),
    )
    times = {name: times_of(found[name].to_numpy(np.int64)) for name in ("start", "end")}
    return found.assign(**times).reset_index()


def feature_frame(dataset: Dataset) -> pd.DataFrame:
    """Return a row per column of X: its unit, its part of a network's inputs, its description, and its mask or None."""
    header = dataset.header
    masks = [header.features[mask] if mask >= 0 else None for mask in header.feature_masks]
    return pd.DataFrame(
        {
            "unit": header.feature_units,
            "part": header.feature_parts,
            "description": header.feature_descriptions,
            "mask": pd.Series(masks, dtype=object).to_numpy(),
        },
        index=pd.Index(header.features, name="feature"),
    )


def split_frame(dataset: Dataset) -> pd.DataFrame:
    """Return a row per split: its policy, the times [from_time, until_time) of its scored steps, samples and scored values."""
    splits = [dataset.split(name) for name in dataset.splits]
    return pd.DataFrame(
        {
            "policy": [split.attributes.get("policy", "") for split in splits],
            "from_time": times_of(np.array([split.from_time for split in splits], np.int64)),
            "until_time": times_of(np.array([split.until_time for split in splits], np.int64)),
            "samples": [len(split.indices) for split in splits],
            "scored": [int(split.attributes.get("scored_count", 0)) for split in splits],
        },
        index=pd.Index([split.name for split in splits], name="split"),
    )


def step_frame(dataset: Dataset, group: str, series: str, track: int) -> pd.DataFrame:
    """Return the steps of one series and track, without padding; see `Workspace.steps`.

    Raises FormatError if the data set does not have them.
    """
    rows = _sequences_of(dataset, group, series, track)
    table, length = dataset.sequences, dataset.segment_length
    first, count = table.first_sample[rows], table.sample_count[rows]
    samples = np.concatenate(
        [np.arange(start, start + size) for start, size in zip(first, count, strict=True)]
    )
    steps = [np.arange(size) for size in table.step_count[rows]]
    begin = (np.cumsum(count) - count) * length
    kept = np.concatenate([start + own for start, own in zip(begin, steps, strict=True)])
    times = [
        start + own * dataset.frequency for start, own in zip(table.start_time[rows], steps, strict=True)
    ]

    def read(name: str) -> NDArray[Any]:
        values = dataset.read(name, samples)
        own: NDArray[Any] = values.reshape(-1, *values.shape[2:])[kept]
        return own

    weights, names = read("W"), name_columns(dataset.features, dataset.targets, ("valid_time", "origin"))
    columns: dict[str, object] = {"origin": times_of(read("origin"))}
    columns |= dict(zip(names.features, read("X").T, strict=True))
    columns |= dict(zip(names.targets, np.where(weights > 0, read("Y"), np.nan).T, strict=True))
    columns |= dict(zip(names.published, read("published").T, strict=True))
    columns |= dict(zip(names.weights, weights.T, strict=True))
    return pd.DataFrame(columns, index=pd.DatetimeIndex(times_of(np.concatenate(times)), name="valid_time"))


def times_of(times: Ints) -> pd.DatetimeIndex:
    """Return ns as UTC times; the smallest and the largest integer, "none" and "never", become NaT."""
    return pd.to_datetime(np.where(times == TIME_MAX, TIME_MIN, times), utc=True)


def _sequences_of(dataset: Dataset, group: str, series: str, track: int) -> Ints:
    table = dataset.sequences
    of_series = (table.group == group) & (table.series == series)
    rows = np.flatnonzero(of_series & (table.track == track))
    if len(rows):
        return rows
    if of_series.any():
        tracks = sorted({str(found) for found in table.track[of_series]})
        what = f"series {series!r} of group {group!r} has no track {track}; its tracks: {listed(tracks)}"
    elif (table.group == group).any():
        found = list(dict.fromkeys(table.series[table.group == group]))
        what = f"group {group!r} has no series {series!r}; its series: {listed(found)}"
    else:
        what = f"there is no group {group!r}; the groups: {listed(list(dict.fromkeys(table.group)))}"
    raise FormatError(f"{dataset.path}: {what}.")
