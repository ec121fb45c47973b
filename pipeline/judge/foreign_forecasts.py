"""Somebody's forecasts in a file, checked and put beside the scored rows of a data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import TIME_MIN, Flags, Ints, Times, Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scored_rows import Spans, read_blocks, rows_of, scored_spans
from hindcast.pipeline.judge.foreign_columns import Texts, numbers_of, read_columns, texts_of, times_of
from hindcast.pipeline.judge.load import EvaluationSource, index_series
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.wording import counted, listed, time_text

_REQUIRED = ("series", "origin", "valid_time", "value")
_OPTIONAL = ("group", "track", "target")
_TEXTS = ("series", "origin", "valid_time", *_OPTIONAL)
_QUANTILE = re.compile(r"q(0\.\d+)")
_WITHOUT_ZERO = re.compile(r"q\.\d+")
_NONE = -1


@dataclass(frozen=True)
class ForeignForecasts:
    """Forecasts at the scored rows of each split.

    `values[split]` is (row, target) float32 in physical units, NaN where the file has none; with `levels` (row, target,
    level + 1), the last one being the point forecast. `read` rows were read, `used` of them are at a scored row; the
    others are at steps inside a split that it does not score. `unused` are columns without a meaning here.
    """

    values: Mapping[str, Values]
    levels: tuple[float, ...]
    read: int
    used: int
    unused: tuple[str, ...]

    def predict(self, split: str, spans: Spans) -> Values:
        """Return the forecasts at the scored rows of a split, which `spans` must be."""
        assert len(spans) == len(self.values[split])
        return self.values[split]


def read_forecasts(
    path: Path, dataset: EvaluationSource, splits: Sequence[str], raw: RawSettings | None = None
) -> ForeignForecasts:
    """Read a CSV or Parquet file with a row per forecast: series, origin, valid_time, value, and quantiles as q0.1, q0.9.

    `group` is needed if a series name occurs in several groups, `target` if there are several; `track` never, since the
    origin tells tracks apart. Times without a zone are UTC. A row is at the scored row of its series with its valid_time
    and its origin. `raw` tells when steps of local days begin, which are named by their dates.

    Raises FormatError with all faults: columns, texts that are no time or number, unknown names, origins after the valid
    time or different from the data set's, rows outside the splits or off the grid, duplicates, quantiles that fall.
    """
    columns, names = read_columns(
        path, _TEXTS, lambda name: name == "value" or _QUANTILE.fullmatch(name) is not None
    )
    levels = {name: float(found[1]) for name in columns if (found := _QUANTILE.fullmatch(name))}
    of_names = [f"column {name}: write it as q0{name[1:]}" for name in names if _WITHOUT_ZERO.fullmatch(name)]
    missing = [name for name in _REQUIRED if name not in columns]
    missing += ["target"] if "target" not in columns and len(dataset.targets) > 1 else []
    if missing:
        raise FormatError(
            f"{path} has no column {', no column '.join(missing)}; its columns: {listed(names, 20)}. Needed: "
            f"{', '.join(_REQUIRED)}; as needed: {', '.join(_OPTIONAL)}, and quantiles as q0.1, q0.5, q0.9.",
            of_names,
        )
    quantiles = sorted(levels, key=lambda name: levels[name])
    rows = _Rows(path, columns, dataset, raw, quantiles, of_names)
    values = {split: rows.at_scored(split) for split in splits}
    rows.check_rest(splits)
    if not rows.faults and np.isnan(rows.values[:, -1]).all():
        rows.faults.append(f"value is empty in all of {counted(rows.size, 'row')}: write the forecasts there")
    if rows.faults:
        raise FormatError(f"The forecasts in {path} cannot be judged.", rows.faults)
    unused = tuple(name for name in names if name not in columns)
    return ForeignForecasts(values, tuple(sorted(levels.values())), rows.size, int(rows.used.sum()), unused)


@dataclass
class _Rows:
    """The rows of the file as numbers. `sound` marks the rows whose place is known, `used` those at a scored row."""

    path: Path
    columns: Mapping[str, pa.Array]
    dataset: EvaluationSource
    raw: RawSettings | None
    quantiles: Sequence[str]
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = len(self.columns["series"])
        self.sound: Flags = np.ones(self.size, np.bool_)
        self.used: Flags = np.zeros(self.size, np.bool_)
        self._other_origin = np.full(self.size, _NONE, np.int64)
        self._names, self._series_of = index_series(self.dataset.sequences)
        self.valid, self.origin = self._times("valid_time"), self._times("origin")
        has_times = self.sound.copy()
        self.series, self.target = self._series(), self._targets()
        self.track = self._tracks()
        self.values = self._values()
        late = has_times & (self.origin > self._begins())
        self._refuse(
            late, "an origin after the valid_time", self._times_text, "a forecast is made before its step"
        )
        self._check_grid()

    def at_scored(self, split: str) -> Values:
        """Return the values at the scored rows of a split; note duplicates."""
        scored = _Scored.of(self.dataset, split, self._series_of)
        shape = (len(scored.time), len(self.dataset.targets), self.values.shape[1])
        found = np.full(shape, np.nan, np.float32)
        place = np.full(self.size, _NONE, np.int64)
        for track in range(scored.tracks if len(scored.keys) else 0):  # an empty split has no row to look up
            at, here = scored.locate(self.series, track, self.valid)
            here &= self.sound & ((self.track == track) | (self.track == _NONE))
            same = here & (scored.origin[at] == self.origin)
            place[same] = at[same]
            differs = here & ~same
            self._other_origin[differs] = scored.origin[at[differs]]
        own = np.flatnonzero(place >= 0)
        key = place[own] * len(self.dataset.targets) + self.target[own]
        first = np.unique(key, return_index=True)[1]
        repeated = np.zeros(self.size, np.bool_)
        repeated[np.delete(own, first)] = True
        self.used[own] = True
        self._refuse(repeated, f"the key of another row, in {split}", self._key_text, "leave one of them")
        found[place[own], self.target[own]] = self.values[own]
        return found if self.quantiles else found[..., 0]

    def check_rest(self, splits: Sequence[str]) -> None:
        """Refuse rows at another origin than that of their step, and rows outside all splits."""
        left = self.sound & ~self.used
        other = left & (self._other_origin != _NONE)
        self._refuse(
            other,
            "another origin than the data set has for that step",
            lambda row: f"{self._times_text(row)}, there {time_text(int(self._other_origin[row]))}",
            "take the origins from `hindcast export`",
        )
        parts = [self.dataset.split(name) for name in splits]
        inside = np.logical_or.reduce([part.holds(self.valid) for part in parts])
        spans = listed(
            [f"{part.name} {time_text(part.from_time)} to {time_text(part.until_time)}" for part in parts]
        )
        self._refuse(
            left & ~other & ~inside,
            "a valid_time outside the judged splits",
            self._times_text,
            f"judged are {spans}",
        )
        if not self.faults and not self.used.any():
            self.faults.append(f"none of {counted(self.size, 'row')} is at a scored row; judged are {spans}")

    def _times(self, name: str) -> Times:
        times, bad = times_of(self.columns[name])
        self._refuse(bad, f"no time in {name}", self._cell(name), "write it as 2024-10-01T10:00Z")
        return times

    def _series(self) -> Ints:
        """Return the index of the series of each row, 0 where there is none."""
        texts = texts_of(self.columns["series"])
        groups = texts_of(self.columns["group"]) if "group" in self.columns else None
        known = [self._names.key(at) for at in range(len(self._names.series))]
        numbers = {key: at for at, key in enumerate(known)}
        if groups is None:
            alone: dict[str, int] = {}
            for at, (_, series) in enumerate(known):
                alone[series] = at if series not in alone else -2
            found = np.array([alone.get(name, _NONE) for name in texts.names], np.int64)[texts.codes]
            remedy = "add the column group"
            self._refuse(found == -2, "a series that is in several groups", self._cell("series"), remedy)
        else:
            pairs = groups.codes * len(texts.names) + texts.codes
            kinds, codes = np.unique(pairs, return_inverse=True)
            keys = [
                (groups.names[pair // len(texts.names)], texts.names[pair % len(texts.names)])
                for pair in kinds
            ]
            found = np.array([numbers.get(key, _NONE) for key in keys], np.int64)[codes]
        names = listed(["/".join(filter(None, key)) for key in known], 5)
        self._refuse(found == _NONE, "an unknown series", self._key_text, f"the data set has {names}")
        return found.clip(min=0)

    def _begins(self) -> Times:
        """Return when the steps start, which for steps of local days is not their name."""
        if self.raw is None or not self.raw.has_local_days:
            return self.valid
        begins, names = self.valid.copy(), self._names
        zones = np.array([self.raw.zone_of(group) or "UTC" for group in names.groups], object)
        zone_of_row = zones[names.group_of[self.series]]
        for zone in sorted(set(zones.tolist())):
            own = (zone_of_row == zone) & (self.valid != TIME_MIN)
            begins[own] = self.raw.grid_in(zone, 0).instants(self.valid[own])
        return begins

    def _targets(self) -> Ints:
        if "target" not in self.columns:
            return np.zeros(self.size, np.int64)
        found = _lookup(texts_of(self.columns["target"]), self.dataset.targets)
        remedy = f"the data set has {listed(self.dataset.targets)}"
        self._refuse(found == _NONE, "an unknown target", self._cell("target"), remedy)
        return found.clip(min=0)

    def _tracks(self) -> Ints:
        """Return the track of each row, _NONE where the file does not say it."""
        if "track" not in self.columns:
            return np.full(self.size, _NONE, np.int64)
        tracks = [str(track) for track in range(int(np.max(self.dataset.sequences.track, initial=0)) + 1)]
        found = _lookup(texts_of(self.columns["track"]), tracks)
        self._refuse(
            found == _NONE, "an unknown track", self._cell("track"), f"the data set has {listed(tracks)}"
        )
        return found

    def _values(self) -> Values:
        """Return the quantiles in ascending order, then the point forecast: (row, column)."""
        found = []
        for name in (*self.quantiles, "value"):
            numbers, bad = numbers_of(self.columns[name])
            self._note(
                bad, f"no finite number in {name}", self._cell(name), "leave the cell empty if there is none"
            )
            found.append(numbers.astype(np.float32))
        if len(found) > 2:
            falls = np.logical_or.reduce([low > high for low, high in pairwise(found[:-1])])
            self._note(
                falls, "quantiles that fall with their level", self._key_text, "sort the quantiles of a row"
            )
        return np.stack(found, axis=1)

    def _check_grid(self) -> None:
        table, steps = self.dataset.sequences, self.dataset.frequency
        start = np.zeros(len(self._names.series), np.int64)
        start[self._series_of] = table.start_time
        off = (self.valid - start[self.series]) % steps != 0
        self._refuse(
            off & self.sound,
            "a valid_time that is the start of no step",
            self._times_text,
            "steps are named by their start",
        )

    def _refuse(self, bad: Flags, what: str, show: Callable[[int], str], remedy: str) -> None:
        """Add a fault for the rows that `bad` marks; they are not sound any more."""
        self._note(bad, what, show, remedy)
        self.sound &= ~bad

    def _note(self, bad: Flags, what: str, show: Callable[[int], str], remedy: str) -> None:
        """Add a fault for the rows that `bad` marks, with the first as the example."""
        if bad.any():
            first = int(np.argmax(bad))
            rows = counted(int(bad.sum()), "row")
            self.faults.append(f"{rows} with {what}, first in {self._place(first)} ({show(first)}): {remedy}")

    def _place(self, row: int) -> str:
        return f"row {row + 1}" if self.path.suffix == ".parquet" else f"line {row + 2}"

    def _cell(self, name: str) -> Callable[[int], str]:
        return lambda row: f"{name} {self.columns[name][row].as_py()!r}"

    def _key_text(self, row: int) -> str:
        names = [name for name in ("group", "series", "target", "track") if name in self.columns]
        return ", ".join([*(self._cell(name)(row) for name in names), self._times_text(row)])

    def _times_text(self, row: int) -> str:
        return f"origin {time_text(int(self.origin[row]))}, valid_time {time_text(int(self.valid[row]))}"


@dataclass(frozen=True)
class _Scored:
    """The scored rows of a split, ordered by (series, track, time), with one number for each key."""

    keys: Ints
    time: Times
    origin: Times
    tracks: int
    first: int
    span: int
    frequency: int

    @classmethod
    def of(cls, dataset: EvaluationSource, split: str, series_of: Any) -> _Scored:
        spans = scored_spans(dataset, split)
        rows = rows_of(dataset, spans, np.arange(len(spans)))
        origin = np.empty(len(rows), np.int64)
        for block, read in read_blocks(dataset, rows, 1):
            origin[block] = read("origin")
        tracks = int(np.max(dataset.sequences.track, initial=0)) + 1
        first = int(rows.time.min(initial=0 if not len(rows) else int(rows.time[0])))
        step = (rows.time - first) // dataset.frequency
        span = int(step.max(initial=0)) + 1
        code = series_of[rows.sequence].astype(np.int64) * tracks + dataset.sequences.track[rows.sequence]
        return cls(code * span + step, rows.time, origin, tracks, first, span, dataset.frequency)

    def locate(self, series: Ints, track: int, valid: Times) -> tuple[Ints, Flags]:
        """Return for each (series, track, valid time) the row, and whether there is one."""
        if not len(self.keys):
            return np.zeros(len(valid), np.int64), np.zeros(len(valid), np.bool_)
        step = (valid - self.first) // self.frequency
        within = (step >= 0) & (step < self.span)
        key = (series * self.tracks + track) * self.span + step.clip(0, self.span - 1)
        at = np.searchsorted(self.keys, key).clip(max=len(self.keys) - 1)
        here: Flags = within & (self.keys[at] == key) & (self.time[at] == valid)
        return at, here


def _lookup(texts: Texts, names: Sequence[str]) -> Ints:
    """Return the place of each text among `names`, _NONE if it is not there."""
    places = {name: at for at, name in enumerate(names)}
    return np.array([places.get(name, _NONE) for name in texts.names], np.int64)[texts.codes]
