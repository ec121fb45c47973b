"""Numbers as text -> float64, and the checks that a value declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.raw.faults import ALLOWED, MAX, MIN, Findings
from pipeline.settings.raw import ValueField

Numbers = NDArray[np.float64]

_NUMBER = r"^[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?$"


def numbers_of(
    texts: pa.StringArray, missing: tuple[str, ...], decimal: str
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Read texts without nulls: the numbers, NaN where missing or bad, and where they are bad.

    White space around a number or a missing marker does not matter.  An infinite number is bad.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(
        trimmed, value_set=pa.array(sorted({marker.strip() for marker in missing}), pa.string())
    )
    pointed = _with_points(trimmed, decimal)
    readable = pc.and_(pc.match_substring_regex(pointed, _NUMBER), pc.invert(absent))
    plain = pc.utf8_ltrim(pointed, characters="+")
    values: Numbers = _to_numpy(
        pc.cast(pc.if_else(readable, plain, pa.scalar(None, pa.string())), pa.float64())
    )
    values = np.where(np.isfinite(values), values, np.nan)
    bad: NDArray[np.bool_] = np.isnan(values) & ~_to_numpy(absent)
    return values, bad


def markers_among_numbers(missing: Iterable[str], decimal: str) -> Numbers:
    """The missing markers that are numbers: such a marker stands for every spelling of its number."""
    texts = pa.array(sorted(set(missing)), pa.string())
    values, bad = numbers_of(texts, (), decimal)
    return np.unique(values[~bad & ~np.isnan(values)])


def without_markers(values: Numbers, markers: Numbers) -> Numbers:
    """The values, NaN where they equal a numeric missing marker."""
    return np.where(np.isin(values, markers), np.nan, values) if len(markers) else values


def check(values: Numbers, field: ValueField, column: int, findings: Findings) -> None:
    """Note the values outside `min`, `max` and `allowed`; missing values pass."""
    if field.min is not None:
        findings.mark(values < field.min, MIN, column)
    if field.max is not None:
        findings.mark(values > field.max, MAX, column)
    if field.allowed is not None:
        findings.mark(~np.isin(values, np.array(field.allowed)) & ~np.isnan(values), ALLOWED, column)


def _with_points(texts: pa.StringArray, decimal: str) -> pa.StringArray:
    if decimal == ".":
        return texts
    # a point in a file with decimal commas could be anything: make it unreadable
    return pc.replace_substring(pc.replace_substring(texts, ".", "?"), decimal, ".")


def _to_numpy(array: pa.Array) -> Any:
    return array.to_numpy(zero_copy_only=False)
