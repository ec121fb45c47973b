"""Angles and parts of a turn as sines and cosines, so that values on both sides of zero lie side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

_DIGITS = 9  # far beyond float32, and coarse enough that every machine's sine rounds to the same number
_TURN = 360.0


def wave(turn: Floats, which: str) -> Floats:
    """The sine (`sin`) or cosine (`cos`) of an angle given in turns; NaN stays NaN."""
    # numpy's own sine differs in its last bit from one instruction set to another, Python's is taken once a value
    function = {"sin": math.sin, "cos": math.cos}[which]
    distinct, where = np.unique(turn, return_inverse=True)
    table = np.array(
        [round(function(2 * math.pi * value), _DIGITS) for value in distinct.tolist()], np.float64
    )
    return table[where] + 0.0  # no negative zero


def parts_of(name: str, field: ValueField) -> tuple[str, ...]:
    """The values that represent one: its sine and cosine where it is an angle, else itself."""
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
