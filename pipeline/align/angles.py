"""Angles as sine and cosine: made of each raw row, so that whatever is folded or filled later stays an angle's."""

from __future__ import annotations

from collections.abc import Mapping

from hindcast.pipeline.align.asof import Values
from hindcast.pipeline.align.waves import wave
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

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


def in_parts(columns: Mapping[str, Values], fields: Mapping[str, ValueField]) -> dict[str, Values]:
    """The columns (R,) of a source's values with angles in degrees replaced by their sines and cosines."""
    return {
        part: wave(columns[name] / _TURN, part.rpartition("_")[2]) if field.angle else columns[name]
        for name, field in fields.items()
        for part in parts_of(name, field)
    }
