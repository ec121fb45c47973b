"""Sines and cosines of angles and parts of a turn, so that values on both sides of zero are close together."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

_DIGITS = 9  # more than float32 has, and few enough that the sine of every machine rounds to the same number
_TURN = 360.0


def wave(turn: Floats, which: str) -> Floats:
    """Return the sine (`sin`) or cosine (`cos`) of angles in turns; NaN remains NaN."""
    # the last bit of numpy's sine depends on the instruction set, so Python's is called, once per distinct value
    function = {"sin": math.sin, "cos": math.cos}[which]
    distinct, where = np.unique(turn, return_inverse=True)
    table = np.array(
        [round(function(2 * math.pi * value), _DIGITS) for value in distinct.tolist()], np.float64
    )
    return table[where] + 0.0  # no negative zero


def parts_of(name: str, field: ValueField) -> tuple[str, ...]:
    """Return the names of the values that represent a value in X: sine and cosine of an angle, statistics over the members of
    an ensemble, else the value itself.
    """
    if field.members:
        return tuple(f"{name}_{statistic}" for statistic in field.members)
    return (f"{name}_sin", f"{name}_cos") if field.angle else (name,)


def field_of(source: Source, part: str) -> ValueField | None:
    """Return the value of a source of which `part` is a part; None if the source does not have it."""
    return next((field for name, field in source.values.items() if part in parts_of(name, field)), None)


def unit_of(field: ValueField) -> str:
    """Return the unit of the parts of a value."""
    return "1" if field.angle else field.unit


def in_parts(columns: Mapping[str, Floats], fields: Mapping[str, ValueField]) -> dict[str, Floats]:
    """Return the columns (R,) of a source with angles in degrees replaced by their sines and cosines.

    Statistics over members are columns already.
    """
    return {
        part: wave(columns[name] / _TURN, part.rpartition("_")[2])
        if field.angle
        else columns[part if field.members else name]
        for name, field in fields.items()
        for part in parts_of(name, field)
    }
