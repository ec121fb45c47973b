"""Converts typed columns of a Parquet file to numbers, timestamps and texts, with the results that their texts would give.

A missing number is null or NaN. A text of a typed value is what a CSV file would hold: `2024-01-01` for a date and for a
timestamp at midnight without a zone, `2024-01-01 05:00:00Z` for one with a zone, `12` for a whole number, `true`, `false`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.raw.numbers import NumberStyle, read_numbers
from hindcast.pipeline.raw.timestamps import FIRST_YEAR, LAST_YEAR, ParsedStamps
from hindcast.pipeline.settings.base import DAY

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EXACT = 1 << 53  # up to here, float64 holds every whole number
_MOST_SCALE = 22  # 10**22 is the largest power of ten that float64 holds exactly


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are texts; bytes count as UTF-8."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of a type are numbers; true and false count as 1 and 0."""
    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)
    )


def is_stamp(kind: pa.DataType) -> bool:
    """Return whether values of a type are dates, or timestamps with a date."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_clock(kind: pa.DataType) -> bool:
    """Return whether values of a type are times of day."""
    return bool(pa.types.is_time(kind))


def broken_texts(column: pa.Array) -> Flags | None:
    """Return the rows whose texts are not valid UTF-8 or contain NUL; None if there are none."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not is_text(values.type) or _is_sound(values):
        return None
    cells = values.cast(pa.large_binary()).to_pylist()
    bad = np.fromiter((cell is not None and not _is_utf8(cell) for cell in cells), np.bool_, len(cells))
    if values is column:
        return bad
    codes = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
    return bad[codes] & column.is_valid().to_numpy(zero_copy_only=False) if len(bad) else None


def to_numbers(column: pa.Array, missing: tuple[str, ...], style: NumberStyle) -> tuple[Floats, Flags | None]:
    """Return float64 with NaN for missing and bad values, and flags of the bad ones (None: there are none).

    An infinite number is bad, and so is a text that is not written in this style.
    """
    column = _decoded_if_empty(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        values, bad = to_numbers(column.dictionary, missing, style)
        codes, valid = _codes(column)
        return np.where(valid, values[codes], np.nan), None if bad is None else bad[codes] & valid
    if is_text(kind):
        values, bad = read_numbers(to_texts(column), missing, style)
        absent = column.is_null().to_numpy(zero_copy_only=False)
        return values, bad & ~absent
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), None
    values = _floats_of(column)
    finite = np.isfinite(values)
    if finite.all():
        return values, None
    infinite = np.isinf(values)
    return np.where(finite, values, np.nan), infinite if infinite.any() else None


def to_stamps(column: pa.Array) -> ParsedStamps:
    """Convert dates and timestamps; those of a type with a zone are UTC already. Null and years out of range are not ok."""
    column = _decoded_if_empty(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        codes, valid = _codes(column)
        stamps = to_stamps(column.dictionary).take(codes)
        return ParsedStamps(stamps.wall, stamps.exact, stamps.ok & valid)
    if pa.types.is_date32(kind):
        counts, unit = column.view(pa.int32()).cast(pa.int64()), DAY
    else:
        counts = column.view(pa.int64())
        unit = _UNITS["ms" if pa.types.is_date64(kind) else kind.unit]
    number: Ints = pc.fill_null(counts, 0).to_numpy(zero_copy_only=False)
    first, end = (int(np.datetime64(str(year), "s").astype(np.int64)) for year in (FIRST_YEAR, LAST_YEAR + 1))
    ok = (number >= first * 10**9 // unit) & (number < end * 10**9 // unit)
    if column.null_count:
        ok &= column.is_valid().to_numpy(zero_copy_only=False)
    wall = number * unit if ok.all() else np.where(ok, number, 0) * unit
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    return ParsedStamps(wall, np.full(len(number), zoned), ok)


def to_names(column: pa.Array) -> pa.DictionaryArray:
    """Return the texts of values, null as an empty text, as a dictionary whose texts all occur."""
    if pa.types.is_decimal(column.type):
        column = to_texts(column)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts, (codes, valid) = to_texts(coded.dictionary), _codes(coded)
    if not valid.all():
        codes = np.where(valid, codes, len(texts))
        texts = pa.concat_arrays([texts, pa.array([""], pa.string())])
    used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
    place = np.zeros(len(texts), np.int64)
    place[used] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(pa.array(place[codes], pa.int64()), texts.take(pa.array(used)))


def to_texts(column: pa.Array) -> pa.StringArray:
    """Return the texts of values that are valid UTF-8; null and NaN are empty texts."""
    kind = column.type
    if is_text(kind):
        return pc.fill_null(column.cast(pa.string()), "")
    if pa.types.is_null(kind):
        return pa.array([""] * len(column), pa.string())
    if pa.types.is_decimal(kind):
        return pc.fill_null(_wide(column).cast(pa.string()), "")
    coded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    distinct = coded.dictionary
    texts = to_texts(distinct) if coded is column else _texts_of(distinct)
    return pc.fill_null(texts.take(coded.indices), "")


def _texts_of(values: pa.Array) -> pa.StringArray:
    kind = values.type
    if pa.types.is_floating(kind):
        return _texts_of_floats(values)
    if is_stamp(kind):
        zone = "Z" if pa.types.is_timestamp(kind) and kind.tz is not None else ""
        plain = (
            values.cast(pa.timestamp(kind.unit)) if pa.types.is_timestamp(kind) else values.cast(pa.date32())
        )
        texts = _without_zeros(plain.cast(pa.string()))
        if zone:
            return pc.binary_join_element_wise(texts, zone, "")
        return pc.replace_substring_regex(texts, " 00:00:00$", "")
    texts = values.cast(pa.string())
    return _without_zeros(texts) if is_clock(kind) else texts


def _without_zeros(texts: pa.StringArray) -> pa.StringArray:
    """Remove the zeros at the end of a fraction of a second."""
    return pc.replace_substring_regex(
        pc.replace_substring_regex(texts, r"([.][0-9]*[1-9])0+$", r"\1"), r"[.]0+$", ""
    )


def _texts_of_floats(values: pa.Array) -> pa.StringArray:
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    whole = (np.abs(numbers) < _EXACT) & (numbers == np.rint(numbers))
    texts = values.cast(pa.string())
    if whole.any() and values.type != pa.float16():
        # pyarrow writes 123456789012.0 as 1.23456789012e+11, which no format of timestamps reads
        digits = pa.array(np.where(whole, numbers, 0).astype(np.int64)).cast(pa.string())
        texts = pc.if_else(pa.array(whole), digits, texts)
    return pc.if_else(pa.array(np.isnan(numbers)), "", texts)


def _floats_of(column: pa.Array) -> Floats:
    kind = column.type
    if pa.types.is_decimal(kind):
        return _floats_of_decimals(column)
    if pa.types.is_floating(kind) and kind != pa.float64():
        return _floats_of_short(column)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    values: Floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _floats_of_short(column: pa.Array) -> Floats:
    """Return the numbers that 32-bit floats stand for: 0.1, not 0.10000000149.

    A number with d decimals is the shortest one that rounds to the float if no number with fewer decimals does. Products
    with 10**d are exact here, and so are the quotients' roundings.
    """
    short = column.cast(pa.float32()).to_numpy(zero_copy_only=False)
    values = short.astype(np.float64)
    open_rows = np.flatnonzero(np.isfinite(values) & (np.abs(values) >= 1e-3) & (np.abs(values) < 1 << 23))
    rest = np.isfinite(values) & (values != 0)
    rest[open_rows] = False
    for decimals in range(10):
        exact = values[open_rows]
        found = np.rint(exact * 10**decimals) / 10**decimals
        fits = found.astype(np.float32) == exact.astype(np.float32)
        values[open_rows[fits]] = found[fits]
        open_rows = open_rows[~fits]
        if not len(open_rows):
            break
    rest[open_rows] = True
    rows = np.flatnonzero(rest)
    if len(rows):
        values[rows] = pa.array(short[rows]).cast(pa.string()).cast(pa.float64()).to_numpy()
    floats: Floats = values
    return floats


def _floats_of_decimals(column: pa.Array) -> Floats:
    """Return the float64 nearest to each decimal: a quotient of two exact numbers, or else what its text gives."""
    kind = column.type
    wide = _wide(column)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    small = np.zeros(len(column), np.bool_)
    low: Ints = np.zeros(len(column), np.int64)
    if kind.bit_width <= 128 and 0 <= kind.scale <= _MOST_SCALE and len(column):
        words = np.frombuffer(wide.buffers()[1], np.int64, 2 * len(wide), 16 * wide.offset)
        low = words[::2]
        small = valid & (words[1::2] == low >> 63) & (np.abs(low) <= _EXACT)
    values = np.where(small, np.where(small, low, 0) / 10.0 ** max(kind.scale, 0), np.nan)
    rows = np.flatnonzero(valid & ~small)
    if len(rows):
        values[rows] = wide.take(pa.array(rows)).cast(pa.string()).cast(pa.float64()).to_numpy()
    return values


def _wide(column: pa.Array) -> pa.Array:
    kind = column.type
    return column.cast(pa.decimal128(kind.precision, kind.scale)) if kind.bit_width < 128 else column


def _decoded_if_empty(column: pa.Array) -> pa.Array:
    """Return a column without its dictionary if that has no value: all rows are null."""
    is_empty = pa.types.is_dictionary(column.type) and not len(column.dictionary)
    return pa.nulls(len(column), column.type.value_type) if is_empty else column


def _codes(column: pa.DictionaryArray) -> tuple[Ints, Flags]:
    """Return indices into the dictionary (0 where null), and whether each row has a value."""
    indices = column.indices
    valid: Flags = column.is_valid().to_numpy(zero_copy_only=False)
    codes: Ints = pc.fill_null(indices, pa.scalar(0, indices.type)).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64, copy=False), valid


def _is_sound(values: pa.Array) -> bool:
    try:
        (values if pa.types.is_string(values.type) else values.cast(pa.string())).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return not pc.any(pc.match_substring(values.cast(pa.string()), "\0")).as_py()


def _is_utf8(cell: bytes) -> bool:
    try:
        return "\0" not in cell.decode()
    except UnicodeDecodeError:
        return False
