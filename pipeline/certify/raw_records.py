"""The typed rows of one group in the tables, looked up step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Floats, Times
from hindcast.pipeline.certify.counter_readings import with_counted_amounts
from hindcast.pipeline.certify.flag_moments import flag_moments
from hindcast.pipeline.certify.lead_amounts import lead_distances
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.settings.params import Params

_PAGE = 64  # rows read together; almost always the newest known one has a value


@dataclass(frozen=True)
class Record:
    """One row: a vintage of a forecast, or a revision of a measurement. NaN means missing; times in ns.

    `issue` is the known time if the source has no issue times; `place` is the row's index in its file. `flagged` holds the
    moment from which a value counts as missing, of values that do at any time.
    """

    valid: int
    known: int
    issue: int
    place: int
    values: Mapping[str, float]
    flagged: Mapping[str, int] = field(default_factory=dict)
    member: str = ""  # of an ensemble
    nearest: Mapping[str, int] = field(
        default_factory=dict
    )  # of accumulated values, see `lead_amounts.lead_distances`

    def without_flagged(self, moment: int) -> Record:
        """Return the row with NaN for the values that count as missing at a given time."""
        gone = {name: math.nan for name, since in self.flagged.items() if since <= moment}
        return replace(self, values={**self.values, **gone}) if gone else self

    @property
    def is_empty(self) -> bool:
        """Return whether every value is missing."""
        return all(math.isnan(value) for value in self.values.values())


class Records:
    """The rows of one source in one group before `align.until`; `names` maps each value to whether it is an angle."""

    def __init__(
        self,
        frame: Any,
        names: Mapping[str, bool],
        until: int | None,
        clock: StepClock | None = None,
        flag: Callable[[Any, Times], Mapping[str, Times]] = lambda _frame, _valid: {},
        *,
        accumulated: Sequence[str] = (),
    ) -> None:
        self._columns: dict[str, Floats] = {}  # a value, or an angle's sine and cosine
        for name, is_angle in names.items():
            column = frame[name].to_numpy(np.float64)
            if is_angle:  # X contains an angle as its sine and cosine to nine digits
                radians = np.radians(column)
                self._columns[f"{name}_sin"] = np.sin(radians).round(9)
                self._columns[f"{name}_cos"] = np.cos(radians).round(9)
            else:
                self._columns[name] = column
        stamps = frame["valid_time"].to_numpy(np.int64)
        self._valid = stamps if clock is None else clock.due(stamps)
        self._known = frame["known_time"].to_numpy(np.int64)
        self._issue = frame["issue_time"].to_numpy(np.int64) if "issue_time" in frame else self._known
        self.has_issue = "issue_time" in frame
        number, series = frame["series"].factorize()
        self._clock = clock if clock is not None and clock.zone else None
        rows = np.arange(len(number))
        if until is not None:
            rows = np.flatnonzero((self._clock.begins(self._valid) if self._clock else self._valid) < until)
        # stable: rows with the same timestamp keep their order
        order = rows[np.lexsort((self._valid[rows], number[rows]))]
        bounds = np.searchsorted(number[order], np.arange(len(series) + 1)).tolist()
        self._rows = {
            str(name): order[start:stop]
            for name, (start, stop) in zip(series.tolist(), pairwise(bounds), strict=True)
        }
        self._member = frame["member"].to_numpy(object) if "member" in frame else None
        self._distances = lead_distances(frame, self._valid, accumulated, clock)
        self._earliest_later: dict[str, Times] = {}
        self._stamps = {name: self._valid[rows] for name, rows in self._rows.items()}
        self._flagged: dict[str, Times] = {}
        shown = self._clock.shown(self._valid[rows]) if self._clock else self._valid[rows]
        for name, moments in flag(frame.iloc[rows], shown).items():
            column = np.full(len(number), TIME_MAX)
            column[rows] = moments
            parts = (f"{name}_sin", f"{name}_cos") if names[name] else (name,)
            self._flagged |= dict.fromkeys(parts, column)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values of a row."""
        return tuple(self._columns)

    def first_valid(self, series: str) -> int | None:
        """Return the first timestamp of a series' own rows, or None."""
        rows = self._rows.get(series)
        return int(self._valid[rows[0]]) if rows is not None and len(rows) else None

    def of_step(self, series: str, begin: int, end: int) -> list[Record]:
        """Return the rows of a series whose timestamps lie in [begin, end), in time order."""
        rows = self._rows.get(series)
        if rows is None:
            return []
        low, high = np.searchsorted(self._stamps[series], [begin, end])
        return [
            Record(
                int(self._valid[row]),
                int(self._known[row]),
                int(self._issue[row]),
                row,
                {name: float(column[row]) for name, column in self._columns.items()},
                {name: int(moment[row]) for name, moment in self._flagged.items() if moment[row] != TIME_MAX},
                "" if self._member is None else str(self._member[row]),
                {name: int(distance[row]) for name, distance in self._distances.items()},
            )
            for row in rows[low:high].tolist()
        ]

    def recognised_late(self) -> dict[str, list[tuple[str, int, int, int]]]:
        """Return, by value, (series, timestamp or step of days, known time, moment of the flag) of the rows that were flagged
        after they became known.
        """
        columns = {id(moment): (name, moment) for name, moment in self._flagged.items()}
        return {
            name: [
                (series, self._step_of(row), int(self._known[row]), int(moment[row]))
                for series, rows in self._rows.items()
                for row in rows[(moment[rows] > self._known[rows]) & (moment[rows] != TIME_MAX)].tolist()
            ]
            for name, moment in columns.values()
        }

    def _step_of(self, row: int) -> int:
        valid = int(self._valid[row])
        return self._clock.begin(valid) if self._clock else valid

    def stamps_known(self, series: str, moment: int) -> Iterator[int]:
        """Yield the timestamps of the rows of a series that were known at a given time, newest first."""
        rows = self._rows.get(series)
        if rows is None or not len(rows):
            return
        if series not in self._earliest_later:
            known = self._known[rows]
            self._earliest_later[series] = np.minimum.accumulate(known[::-1])[::-1]
        # the last row known at that time: the earliest known time of the rows from each one on never decreases
        stop = int(np.searchsorted(self._earliest_later[series], moment, side="right"))
        while stop > 0:
            some = rows[max(0, stop - _PAGE) : stop][::-1]
            yield from self._valid[some[self._known[some] <= moment]].tolist()
            stop -= _PAGE


def read_records(
    frames: Mapping[str, Any], params: Params, group: str, series: Collection[str] | None = None
) -> dict[str, Records]:
    """Return the rows of every source that has rows in a group; with `series`, only their rows and the shared rows."""
    records = {}
    for source, settings in params.raw.table_sources.items():
        frame = frames.get(source)
        if frame is not None and series is not None:
            frame = _of_series(frame, series)
        if frame is not None and len(frame):
            clock = None if settings.is_static else step_clock(params, group, source)
            if clock is not None:
                frame = with_counted_amounts(frame, settings, clock, params.align.until)
            records[source] = Records(
                frame,
                {name: value.angle for name, value in settings.values.items()},
                params.align.until,
                clock,
                partial(flag_moments, source=settings, params=params),
                accumulated=[name for name, value in settings.values.items() if value.accumulated],
            )
    return records


def _of_series(frame: Any, series: Collection[str]) -> Any:
    names = frame["series"].cat
    wanted = names.categories.isin([*series, ""])
    return frame if wanted.all() else frame[wanted[names.codes.to_numpy()]]
