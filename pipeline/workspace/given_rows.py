"""Rows that a program has in memory, checked and converted to those of the tables, from which forecasts are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.known_moments import known_moments
from hindcast.pipeline.raw.off_grid import classify_stamps
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.coarser import lengths_at
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.known import ALWAYS, PublishedAt, may_precede_step
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import counted, listed, time_text

_TIMES = ("issue_time", "valid_time", "known_time")
_KEY_TIMES = ("valid_time", "issue_time", "known_time")  # in the order of the tables


class GivenRows:
    """Typed rows by group and source; see `hindcast.Forecaster.predict` for the columns of the frames.

    Raises RawDataError with all faults of all frames. `groups` are those of the network: a frame may lack the column `group` if
    there is only one.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame], params: Params, groups: Sequence[str]) -> None:
        sources = params.raw.table_sources
        faults = [
            f"{name}: raw.sources has no such source; its sources: {listed(list(sources))}"
            for name in frames
            if name not in sources
        ]
        faults += [
            f"{name}: the frames lack this source; give its rows, or an empty frame with its columns"
            for name in sources
            if name not in frames
        ]
        self._rows: dict[str, dict[str, pd.DataFrame]] = {}
        for name, source in sources.items():
            if name in frames:
                made = _SourceFrame(name, source, params, groups)
                for group, rows in made.typed(frames[name]):
                    self._rows.setdefault(group, {})[name] = rows
                faults += made.faults
        if faults:
            raise RawDataError("The frames are not the rows of this project's sources.", faults)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups with rows, sorted."""
        return tuple(sorted(self._rows))

    def read(self, group: str, since: int | None = None) -> Mapping[str, pd.DataFrame]:
        """Return the rows of a group, a frame per source that has some."""
        return self._rows.get(group, {})


class _SourceFrame:
    """Checks the frame of one source; `faults` are all that were found, each with the name of the source."""

    def __init__(self, name: str, source: Source, params: Params, groups: Sequence[str]) -> None:
        self.name, self.source, self.params = name, source, params
        self.faults: list[str] = []
        needed = [] if len(groups) == 1 else ["group"]
        needed += ["member"] if source.has_members else []
        needed += ["issue_time"] if source.has_issue else []
        needed += [] if source.is_static else ["valid_time"]
        needed += ["known_time"] if isinstance(source.known, PublishedAt) else []
        self.values = tuple(source.values)
        self.needed = (*needed, *self.values)
        optional = ["group", "series", "known_time"]
        optional += ["issue_time"] if source.role == "forecast" else []
        optional += ["valid_time"] if source.is_static else []
        self.allowed = tuple(dict.fromkeys([*optional, *self.needed]))
        self.only_group = groups[0] if len(groups) == 1 else ""

    def typed(self, frame: Any) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the typed rows by group; nothing if the frame has a fault."""
        if not isinstance(frame, pd.DataFrame):
            self._say(f"must be a pandas DataFrame, found {type(frame).__name__}")
            return
        names = [str(name) for name in frame.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        unknown = [name for name in names if name not in self.allowed]
        lacking = [name for name in self.needed if name not in names]
        if twice:
            self._say(f"several columns have the name {listed(twice)}")
        if unknown:
            self._say(f"unknown columns {listed(unknown)}; its columns: {', '.join(self.allowed)}")
        if lacking:
            self._say(f"lacks the columns {listed(lacking)}; its columns: {', '.join(self.allowed)}")
        if twice or unknown or lacking:
            return
        texts: dict[str, Any] = {
            name: self._texts(frame, name) for name in ("group", "series", "member") if name in names
        }
        times = {name: self._times(frame[name]) for name in _TIMES if name in names}
        values = {name: self._numbers(frame[name]) for name in self.values}
        if self.faults:
            return
        columns: list[Mapping[str, Any]] = [texts, times, values]
        rows = pd.DataFrame({name: column for part in columns for name, column in part.items()})
        rows["group"] = rows.get("group", self.only_group)
        rows["series"] = rows.get("series", "")
        yield from self._by_group(rows)

    def _say(self, fault: str) -> None:
        self.faults.append(f"{self.name}: {fault}")

    def _texts(self, frame: pd.DataFrame, name: str) -> pd.Series:
        column = frame[name].astype(object)
        wrong = np.array([not isinstance(text, str) for text in column.array], np.bool_)
        if name != "series":
            wrong |= np.array([text == "" for text in column.array], np.bool_)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            what = (
                "texts (an empty one: every series of the group)"
                if name == "series"
                else "texts that are not empty"
            )
            self._say(f"{name} must be {what}, found {column.array[at]!r} in row {at}")
        return column.reset_index(drop=True)

    def _times(self, column: pd.Series) -> Times:
        if not isinstance(column.dtype, pd.DatetimeTZDtype):
            self._say(
                f"{column.name} must be timestamps with a zone, found {column.dtype}: convert them, as in "
                "pd.to_datetime(...).dt.tz_localize('Europe/Madrid')"
            )
            return np.empty(len(column), np.int64)
        if column.isna().any():
            self._say(f"{column.name} has no timestamp in row {int(np.flatnonzero(column.isna())[0])}")
            return np.empty(len(column), np.int64)
        try:
            exact = column.dt.tz_convert("UTC").dt.as_unit("ns")
        except pd.errors.OutOfBoundsDatetime as fault:
            self._say(f"{column.name} must be in the years 1900 to 2199: {fault}")
            return np.empty(len(column), np.int64)
        times: Times = exact.astype(np.int64).to_numpy()
        return times

    def _numbers(self, column: pd.Series) -> Any:
        field = self.source.values[str(column.name)]  # noqa: PD011 (no DataFrame)
        if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            self._say(f"{column.name} must be numbers (missing: NaN), found {column.dtype}")
            return np.empty(len(column))
        values = column.to_numpy(np.float64, na_value=np.nan)
        for rule, wrong in _beyond(values, field):
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                self._say(
                    f"{column.name}: {counted(int(wrong.sum()), 'value')} {rule}, found {values[at]:g} in row {at}"
                )
        return values

    def _by_group(self, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        unzoned = [
            group for group in sorted(rows["group"].unique()) if self.params.raw.zone_of(group) is None
        ]
        if unzoned:
            self._say(
                f"raw.zone has no zone for {listed(unzoned)}: add it, as in {unzoned[0]}: Europe/Madrid"
            )
            return
        found = [
            (str(group), self._of_group(str(group), part)) for group, part in rows.groupby("group", sort=True)
        ]
        if not self.faults:
            yield from found

    def _of_group(self, group: str, rows: pd.DataFrame) -> pd.DataFrame:
        source = self.source
        if source.is_static:
            rows = rows.assign(valid_time=ALWAYS, known_time=rows.get("known_time", ALWAYS))
        keys = [name for name in ("series", "member", *_KEY_TIMES) if name in rows]
        rows = rows.sort_values(keys, kind="stable")
        rows = self._without_repeats(group, rows, keys)
        key = rows.groupby([name for name in ("series", "member") if name in rows], sort=False).ngroup()
        self._check_grid(group, rows, np.asarray(key, np.int64))
        if "known_time" not in rows:
            rows = rows.assign(known_time=self._known(group, rows))
        if source.role == "forecast" and "issue_time" not in rows:
            rows = rows.assign(issue_time=rows["known_time"])
        names = [name for name in ("series", "member") if name in rows]
        times = [name for name in _TIMES if name in rows]
        typed = rows[[*names, *times, *self.values]].reset_index(drop=True)
        return typed.astype(dict.fromkeys(names, "category"))

    def _without_repeats(self, group: str, rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
        """Fold equal rows; rows with the same series and times and other values are a fault."""
        rows = rows[~rows.duplicated([*keys, *self.values])]
        conflict = rows.duplicated(keys, keep=False).to_numpy()
        if conflict.any():
            row = rows.iloc[int(np.flatnonzero(conflict)[0])]
            owner = f"{group}/{row['series']}" if row["series"] else group
            count = int(rows.duplicated(keys).sum())
            self._say(
                f"{counted(count, 'row')} with the times of another row and other values, as for {owner} at "
                f"{time_text(int(row['valid_time']))}: keep one of each"
            )
        return rows

    def _check_grid(self, group: str, rows: pd.DataFrame, key: Ints) -> None:
        source = self.source
        if source.is_static or not len(rows):
            return
        grid = self.params.raw.stamp_grid(source, group)
        valid = rows["valid_time"].to_numpy()
        has_value = np.asarray(rows[list(self.values)].notna().to_numpy().any(axis=1))
        vintage = rows["issue_time"].to_numpy() if source.has_issue else None
        kinds = classify_stamps(key, vintage, valid, has_value, grid)
        if kinds is not None and kinds.stray.any():
            at = int(np.flatnonzero(kinds.stray)[0])
            self._say(
                f"{counted(int(kinds.stray.sum()), 'timestamp')} of {group} between the steps of raw.frequency "
                f"{self.params.raw.frequency}, as {time_text(int(valid[at]))}: give the start of each step"
            )
        if source.role == "realized" and "known_time" in rows and not may_precede_step(source.known):
            length = np.full(len(valid), grid.pitch) if kinds is None else kinds.length
            length = np.maximum(length, lengths_at(source.coarser, valid, 0))
            known = rows["known_time"].to_numpy()
            early = np.asarray(has_value) & np.asarray(known < valid + grid.elapsed(valid, length))
            if early.any():
                at = int(np.flatnonzero(early)[0])
                self._say(
                    f"{counted(int(early.sum()), 'measured value')} of {group} known before its step is over, as that of "
                    f"{time_text(int(valid[at]))}, known at {time_text(int(known[at]))}"
                )

    def _known(self, group: str, rows: pd.DataFrame) -> Times:
        """Return when each row becomes known, by the rule of the source."""
        zone = self.params.raw.zone_of(group)
        assert zone is not None
        times = [rows[name].to_numpy() for name in _KEY_TIMES[: 1 + self.source.has_issue]]
        records = Records(np.zeros(len(rows), np.int32), np.arange(len(rows)), tuple(times), ())
        return known_moments(records, self.source, self.params.raw.stamp_grid(self.source, group), zone)


def _beyond(values: Any, field: ValueField) -> Iterator[tuple[str, Flags]]:
    """Yield the rules of a value and the rows that break each: those that `ingest` puts into quarantine."""
    yield "are infinite", np.isinf(values)
    if field.min is not None:
        yield f"below min {field.min:g}", values < field.min
    if field.max is not None:
        yield f"above max {field.max:g}", values > field.max
    if field.allowed is not None:
        yield "not among `allowed`", ~np.isin(values, np.array(field.allowed)) & ~np.isnan(values)
    if field.flag is not None and field.on_flag == "quarantine":
        if field.flag.below is not None:
            yield f"below flag.below {field.flag.below:g}", values < field.flag.below
        if field.flag.above is not None:
            yield f"above flag.above {field.flag.above:g}", values > field.flag.above
