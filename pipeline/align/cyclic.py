"""The local clock and calendar as sines and cosines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.arrays import Floats, Times, Values
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

_DIGITS = 9  # far beyond float32, and coarse enough that every machine's sine rounds to the same number


def waves(names: tuple[str, ...], times: Times, zone: str) -> Values:
    """Columns (P, C) named `hour_sin`, `weekday_cos`, `yearday_sin`, ... of the steps that start at `times`.

    A turn is a local day counted on the wall clock, a week from Monday, a year of 365 or 366 days.
    """
    wall = wall_of(times, zone)
    turns = {"hour": _of_day, "weekday": _of_week, "yearday": _of_year}
    columns = np.empty((len(times), len(names)), np.float32)
    for at, name in enumerate(names):
        part, which = name.rsplit("_", 1)
        columns[:, at] = wave(turns[part](wall), which)
    return columns


def wave(turn: Floats, which: str) -> Floats:
    """The sine (`sin`) or cosine (`cos`) of an angle given in turns; NaN stays NaN."""
    # numpy's own sine differs in its last bit from one instruction set to another, Python's is taken once a value
    function = {"sin": math.sin, "cos": math.cos}[which]
    distinct, where = np.unique(turn, return_inverse=True)
    table = np.array(
        [round(function(2 * math.pi * value), _DIGITS) for value in distinct.tolist()], np.float64
    )
    return table[where] + 0.0  # no negative zero


def _of_day(wall: Times) -> Floats:
    return (wall % DAY) / DAY


def _of_week(wall: Times) -> Floats:
    return (wall // DAY + 3) % 7 / 7  # 1970-01-01 was a Thursday


def _of_year(wall: Times) -> Floats:
    days = wall // DAY
    year = days.astype("datetime64[D]").astype("datetime64[Y]")
    first = year.astype("datetime64[D]").astype(np.int64)
    following = (year + 1).astype("datetime64[D]").astype(np.int64)
    return (days - first) / (following - first)


_TURN = 360.0


def parts_of(name: str, field: ValueField) -> tuple[str, ...]:
    """The values that stand for one: its sine and cosine where it is an angle, else itself."""
    return (f"{name}_sin", f"{name}_cos") if field.angle else (name,)


def field_of(source: Source, part: str) -> ValueField | None:
    """The value of a source that a part comes from; None where the source has none."""
    return next((field for name, field in source.values.items() if part in parts_of(name, field)), None)


def unit_of(field: ValueField) -> str:
    """The unit of a value's parts."""
    return "1" if field.angle else field.unit


def in_parts(columns: Mapping[str, Floats], fields: Mapping[str, ValueField]) -> dict[str, Floats]:
    """The columns (R,) of a source's values with angles in degrees replaced by their sines and cosines."""
    return {
        part: wave(columns[name] / _TURN, part.rpartition("_")[2]) if field.angle else columns[name]
        for name, field in fields.items()
        for part in parts_of(name, field)
    }
